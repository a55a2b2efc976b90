import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` beside a running platform: pages from here, everything else from the gateway.
const gateway = "http://127.0.0.1:8000";
const passed = ["/auth", "/web", "/users", "/profiles", "/api", "/openapi.json", "/asyncapi.json", "/docs"];

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    sourcemap: false,
    chunkSizeWarningLimit: 2000, // Swagger UI, on a page of its own
    rolldownOptions: { input: ["index.html", "docs.html"] },
  },
  server: {
    proxy: {
      ...Object.fromEntries(passed.map((path) => [path, { target: gateway }])),
      "/ws": { target: gateway, ws: true },
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
