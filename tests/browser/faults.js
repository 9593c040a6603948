// What is wrong with a page's layout: wider than its screen, smaller than a finger, cut off.
() => {
  const width = document.documentElement.clientWidth;
  const every = (selector, wrong, test) =>
    [...document.querySelectorAll(selector)]
      .filter((element) => element.checkVisibility() && element.getClientRects().length > 0 && !element.closest(".sr, .words, .skip"))
      .filter(test)
      .map((element) => `${wrong}: ${element.tagName} ${element.className} ${element.textContent.trim().slice(0, 30)}`);
  const small = (element) => Math.min(element.offsetHeight, element.offsetWidth) < 44;
  const clipped = (element) =>
    element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "inline";
  const outside = (element) => element.getBoundingClientRect().right > width + 1 && !element.closest(".scrolls, svg");
  return [
    ...every("html", "wide", (element) => element.scrollWidth > width),
    ...every("button, .btn, .choice, select, input[type=text], textarea, .gauges a, .nav a", "small", small),
    ...every(".btn, .pill, .left-time, .gauges > *, h1, h3", "clipped", clipped),
    ...every("main *, .top *, dialog[open] *", "outside", outside),
  ];
};
