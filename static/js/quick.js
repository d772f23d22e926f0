// A new task in one line: shows what the service understands while it is typed, and sends the form that
// the service has filled with it.

/** Milliseconds without a key before the service is asked. */
const PAUSE = 150;

/** Starts it for the forms with `data-quick`, now and later. `app` are functions of app.js. */
export function startQuickAdd(app) {
  let asked, timer;

  /** Asks what a line means. Resolves to the page with the filled form, or to null without an answer. */
  function ask(form) {
    const line = form.elements.line.value;
    if (asked?.line !== line) {
      const url = new URL(form.getAttribute("action"), document.baseURI);
      url.search = new URLSearchParams({ line });
      const answer = app.fetchPage(url).catch(() => (asked = null));
      asked = { line, answer };
    }
    return asked.answer;
  }

  async function tell(form) {
    const { line } = form.elements;
    const typed = line.value;
    const answer = typed.trim() ? await ask(form) : null;
    if (line.value !== typed) return;
    const understood = answer?.page.getElementById("understood")?.cloneNode(true);
    document.getElementById("quick-understood")?.replaceChildren(...(understood?.childNodes ?? []));
  }

  async function add(form) {
    const { line } = form.elements;
    const typed = line.value;
    const answer = await ask(form);
    if (!answer || answer.status === 429 || answer.status >= 500) {
      asked = null;
      return app.showBanner("The service does not answer. Nothing was sent.", () => add(form));
    }
    if (app.hasEnded(answer.url)) {
      asked = null;
      return app.showSignIn(answer.url);
    }
    const filled = answer.page.getElementById("task-form");
    // What is not clear is decided in the form.
    if (!filled || answer.page.querySelector("#understood[data-asks]")) return form.submit();
    if (!(await app.send(filled, undefined, answer.url))) return;
    asked = null;
    if (line.value === typed) form.reset();
    tell(form);
  }

  document.addEventListener("input", ({ target }) => {
    if (!target.form?.matches("[data-quick]")) return;
    clearTimeout(timer);
    timer = setTimeout(tell, PAUSE, target.form);
  });

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-quick]")) return;
    event.preventDefault();
    add(event.target);
  });
}
