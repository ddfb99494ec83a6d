// A classic script, which runs before the first paint; modules run after it. All pages load it.
"use strict";
{
  const root = document.documentElement;
  try {
    const { theme } = JSON.parse(localStorage.getItem("carousel") ?? "{}");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // Without storage the theme of the system applies.
  }
  // The page is in English until its strings are loaded. In other languages it appears with them, so that nothing moves.
  if (root.hasAttribute("data-translated") && !/^en\b/i.test(navigator.language)) {
    root.dataset.waiting = "";
    setTimeout(() => delete root.dataset.waiting, 3000);
  }
}
