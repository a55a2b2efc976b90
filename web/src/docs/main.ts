import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";

const dark = matchMedia("(prefers-color-scheme: dark)");
const show = () => document.documentElement.classList.toggle("dark-mode", dark.matches); // Swagger UI's name for it
dark.addEventListener("change", show);
show();

SwaggerUI({
  url: "/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  validatorUrl: null, // nothing is asked of other sites
  responseInterceptor: (response) => {
    if (response.url.endsWith("/openapi.json")) tellMissing(response.obj);
    return response;
  },
});

/** Say which services did not describe themselves. */
function tellMissing(document_: unknown): void {
  const missing = (document_ as { "x-missing"?: string[] } | undefined)?.["x-missing"];
  const note = document.getElementById("missing");
  if (missing === undefined || note === null) return;
  note.textContent = `Not complete: no answer from ${missing.join(", ")}.`;
  note.hidden = false;
}
