// What a flame graph does with a pointer: a click on a function makes it as wide as the picture and hides
// what is beside it, and a search colours what it finds and says how much of the whole that is.
// Each <g data-x data-n> is a function: the number of its first sample and of all its samples.
(function () {
    "use strict";
    const svg = document.documentElement;
    const left = Number(svg.dataset.left), width = Number(svg.dataset.width);
    const all = Number(svg.dataset.samples), letter = Number(svg.dataset.letter);
    const boxes = [...document.querySelectorAll("g[data-n]")].map(function (group) {
        const rect = group.querySelector("rect"), title = group.querySelector("title").textContent;
        return {
            group: group, rect: rect, text: group.querySelector("text"), fill: rect.getAttribute("fill"),
            first: Number(group.dataset.x), samples: Number(group.dataset.n),
            y: Number(rect.getAttribute("y")), name: title.slice(0, title.lastIndexOf(": ")),
        };
    });

    function element(parent, namespace, name, attributes) {
        const made = document.createElementNS(namespace, name);
        for (const [key, value] of Object.entries(attributes))
            made.setAttribute(key, value);
        return parent.appendChild(made);
    }

    function label(box, pixels) {
        const letters = Math.floor(pixels / letter);
        if (letters < 3) {
            if (box.text)
                box.text.textContent = "";
            return;
        }
        if (!box.text)
            box.text = element(box.group, svg.namespaceURI, "text", { y: box.y + 12 });
        box.text.textContent = box.name.length <= letters ? box.name : box.name.slice(0, letters - 2) + "..";
    }

    // Shows the samples from @first on, @samples of them, at the full width. Functions that call the
    // one at @y are wider than that, and faded.
    function show(first, samples, y) {
        for (const box of boxes) {
            const begin = Math.max(box.first, first), end = Math.min(box.first + box.samples, first + samples);
            const x = left + (begin - first) / samples * width, pixels = (end - begin) / samples * width;
            box.group.style.display = pixels > 0.05 ? "" : "none";
            if (pixels <= 0.05)
                continue;
            box.group.style.opacity = box.y > y ? 0.5 : 1;
            box.rect.setAttribute("x", x.toFixed(2));
            box.rect.setAttribute("width", pixels.toFixed(2));
            label(box, pixels);
            if (box.text)
                box.text.setAttribute("x", (x + 3).toFixed(2));
        }
        reset.style.display = samples === all ? "none" : "";
    }

    function pattern(text) {
        try {
            return new RegExp(text, "i");
        } catch (error) {
            return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
        }
    }

    // Samples count once, however many of their functions are found: those below one that is, are in it.
    function search(text) {
        let samples = 0, end = 0;
        const wanted = text && pattern(text);
        const found = text ? boxes.filter((box) => wanted.test(box.name)) : [];
        for (const box of boxes)
            box.rect.setAttribute("fill", box.fill);
        for (const box of found)
            box.rect.setAttribute("fill", "rgb(225,60,225)");
        found.sort((a, b) => a.first - b.first || b.samples - a.samples);
        for (const box of found) {
            const last = box.first + box.samples;
            samples += Math.max(0, last - Math.max(box.first, end));
            end = Math.max(end, last);
        }
        matched.textContent = text ? `matched: ${(samples / all * 100).toFixed(2)} %` : "";
    }

    const reset = element(svg, svg.namespaceURI, "text",
        { x: left + width - 470, y: 20, id: "reset", style: "cursor:pointer;display:none", fill: "#00c" });
    reset.textContent = "show all";
    const matched = element(svg, svg.namespaceURI, "text",
        { x: left + width, y: 38, id: "matched", "text-anchor": "end" });
    const frame = element(svg, svg.namespaceURI, "foreignObject",
        { x: left + width - 380, y: 4, width: 380, height: 24 });
    const input = element(frame, "http://www.w3.org/1999/xhtml", "input", {
        type: "search", id: "search", placeholder: "search: a name or regular expression",
        style: "box-sizing:border-box;width:100%;height:22px;font:11px monospace",
    });

    input.addEventListener("input", () => search(input.value));
    reset.addEventListener("click", () => show(0, all, Infinity));
    for (const box of boxes) {
        box.group.style.cursor = "pointer";
        box.group.addEventListener("click", () => show(box.first, box.samples, box.y));
    }
    svg.addEventListener("keydown", function (event) {
        if (event.key === "f" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            input.focus();
        } else if (event.key === "Escape") {
            search(input.value = "");
            show(0, all, Infinity);
        }
    });
})();
