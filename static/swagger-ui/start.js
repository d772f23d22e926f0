// Swagger UI has a dark theme, and a class for it. The page has the theme of the other pages, or else
// that of the browser.
const dark = matchMedia("(prefers-color-scheme: dark)");
const { classList, dataset } = document.documentElement;
const isDark = () => (dataset.theme ? dataset.theme === "dark" : dark.matches);
const applyTheme = () => classList.toggle("dark-mode", isDark());
dark.addEventListener("change", applyTheme);
applyTheme();

// Nothing here may ask another host: by default Swagger UI has the document validated elsewhere.
SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.document,
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  // The models follow the operations, closed.
  defaultModelsExpandDepth: 0,
  // A response shows an example; a click on "Schema" shows all of it.
  defaultModelExpandDepth: 3,
  tryItOutEnabled: true,
  // The default theme has dark red on grey.
  syntaxHighlight: { theme: "obsidian" },
  // A token is gone when the tab is.
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  validatorUrl: null,
});
