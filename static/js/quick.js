// A new task in one line: shows what the service understands while it is typed, and sends the form that
// the service has filled with it.

/** Milliseconds without a key before the service is asked. */
const PAUSE = 150;

/** Starts it for the forms with `data-quick`, now and later. */
export function startQuickAdd(fetchPage, send) {
  let asked, timer;

  /** Asks what a line means. Resolves to the page with the filled form. */
  function ask(form) {
    const line = form.elements.line.value;
    if (asked?.line !== line) {
      const url = new URL(form.getAttribute("action"), document.baseURI);
      url.search = new URLSearchParams({ line });
      asked = { line, answer: fetchPage(url) };
      asked.answer.catch(() => (asked = undefined));
    }
    return asked.answer;
  }

  async function tell(form) {
    const { line } = form.elements;
    const typed = line.value;
    const answer = typed.trim() ? await ask(form).catch(() => null) : null;
    if (line.value !== typed) return;
    const understood = answer?.page.getElementById("understood");
    document.getElementById("quick-understood").replaceChildren(...(understood?.cloneNode(true).childNodes ?? []));
  }

  document.addEventListener("input", ({ target }) => {
    if (!target.form?.matches("[data-quick]")) return;
    clearTimeout(timer);
    timer = setTimeout(tell, PAUSE, target.form);
  });

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("[data-quick]")) return;
    event.preventDefault();
    const answer = await ask(form).catch(() => null);
    const filled = answer?.page.getElementById("task-form");
    const asks = answer?.page.querySelector("#understood[data-asks]");
    // Whatever is not clear is decided in the form.
    if (!filled || asks) return form.submit();
    if (await send(filled, undefined, answer.url)) {
      form.reset();
      asked = undefined;
      tell(form);
    }
  });
}
