// Applies the remembered theme before the first paint. A classic script, because modules run after it.
"use strict";
try {
  const theme = JSON.parse(localStorage.getItem("carousel") ?? "{}").theme;
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the theme of the system applies.
}
