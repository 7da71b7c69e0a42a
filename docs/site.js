// Say of a table that is wider than its box that it scrolls, and let the keyboard scroll it.
const sizes = new ResizeObserver(entries => {
    for (const {target} of entries) {
        const scrolls = target.scrollWidth > target.clientWidth;
        target.classList.toggle("scrolls", scrolls);
        if (scrolls) {
            target.setAttribute("tabindex", "0");
            target.setAttribute("role", "region");
            target.setAttribute("aria-label", "table, scrolls sideways");
        } else {
            ["tabindex", "role", "aria-label"].forEach(name => target.removeAttribute(name));
        }
    }
});
document.addEventListener("DOMContentLoaded", () => {
    for (const box of document.querySelectorAll(".table-wrapper")) sizes.observe(box);
});
