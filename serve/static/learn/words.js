// The words of the widgets.

const en = {
  forgotten: (f) => {
    const life = Math.log(0.5) / Math.log(f);
    return f >= 1 ? "Nothing is ever forgotten: this is the constant error carousel." : f <= 0 ? "Everything is forgotten at every step." : `Half of the content is lost after ${life.toFixed(1)} steps.`;
  },
  counted: (asked, found, ended) => `Read ${asked} × a, wrote ${found} × b${ended ? "" : " and did not stop"}. ${asked === found && ended ? "Correct." : "Wrong: small errors have added up."}`,
  cellPlot: "Cell state over the steps",
  remembered: (answer, percent, isRight) => `The network answers ${answer} (${percent}%). ${isRight ? "Correct." : "Wrong."}`,
  next: (text, options) => `After “${text}”: ${options}`,
  unknown: (symbols) => `The network does not know ${symbols}; it reads the text without.`,
  positive: "positive", negative: "negative", step: "step", unit: (n) => `Unit ${n}`, end: "end",
};

const zh = {
  forgotten: (f) => {
    const life = Math.log(0.5) / Math.log(f);
    return f >= 1 ? "什么都不会遗忘：这就是“恒定误差传送带”。" : f <= 0 ? "每一步都会忘记一切。" : `${life.toFixed(1)} 步之后，内容丢失一半。`;
  },
  counted: (asked, found, ended) => `读入 ${asked} 个 a，写出 ${found} 个 b${ended ? "" : "，且没有停下"}。${asked === found && ended ? "正确。" : "错误：微小的误差累积起来了。"}`,
  cellPlot: "各步的记忆单元值",
  remembered: (answer, percent, isRight) => `网络回答 ${answer}（${percent}%）。${isRight ? "正确。" : "错误。"}`,
  next: (text, options) => `在“${text}”之后：${options}`,
  unknown: (symbols) => `网络不认识 ${symbols}，读取时将其略去。`,
  positive: "正", negative: "负", step: "步", unit: (n) => `单元 ${n}`, end: "结束",
};

export const words = document.documentElement.lang.startsWith("zh") ? zh : en;
