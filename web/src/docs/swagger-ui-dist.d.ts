/** As much of Swagger UI as is used here. */
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  interface Options {
    url: string;
    dom_id: string;
    deepLinking: boolean;
    docExpansion: "list" | "full" | "none";
    defaultModelsExpandDepth: number;
    displayRequestDuration: boolean;
    filter: boolean;
    validatorUrl: null;
    responseInterceptor: (response: { url: string; obj?: unknown }) => unknown;
  }
  export default function SwaggerUI(options: Options): void;
}
