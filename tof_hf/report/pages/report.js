"use strict";
// Lists of sentences in pages, with filters where there is a form. Without this script each list is shown as a whole.
for (const pages of document.querySelectorAll(".pages")) {
  const list = pages.querySelector(".list"), form = pages.querySelector("form"), size = Number(pages.dataset.size);
  const sentences = [...list.querySelectorAll(".sentence")];
  const bar = document.createElement("p"), where = document.createElement("span");
  let page = 0;

  const wanted = ({ dataset }) => !form || (
    (!form.type.value || dataset.types.split(" ").includes(form.type.value)) &&
    (!form.sure?.value || Number(dataset.sure) < Number(form.sure.value)) &&
    (!form.label?.checked || "label" in dataset));

  const show = (to) => {
    const found = sentences.filter(wanted), last = Math.max(0, Math.ceil(found.length / size) - 1);
    page = Math.min(Math.max(to, 0), last);
    const here = new Set(found.slice(page * size, (page + 1) * size));
    for (const sentence of sentences) sentence.hidden = !here.has(sentence);
    where.textContent = found.length ? `page ${page + 1} of ${last + 1}, ${found.length} of ${sentences.length} sentences` : "no such sentence";
    [previous.disabled, next.disabled] = [page === 0, page === last];
    list.scrollTop = 0;
  };
  const button = (text, step) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", () => show(page + step));
    return made;
  };
  const previous = button("\u2039 previous", -1), next = button("next \u203a", 1);

  if (form) {
    form.hidden = false;
    form.addEventListener("change", () => show(0));
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  if (form || sentences.length > size) {
    bar.className = "turn";
    bar.setAttribute("role", "status");
    bar.append(previous, where, next);
    pages.prepend(...(form ? [form] : []), bar);
    list.classList.add("paged");
    show(0);
  }
}
