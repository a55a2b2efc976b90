import { useState } from "react";

import { ApiError } from "../client";

/** Runs something that may fail, and says whether it runs and what went wrong. */
export function useAction(): {
  busy: boolean;
  error: string;
  run: (action: () => Promise<unknown>) => Promise<boolean>;
} {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const run = async (action: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setError("");
    try {
      await action();
      return true;
    } catch (failure) {
      const detail = failure instanceof ApiError ? ([...failure.fields.values()][0] ?? failure.detail) : "";
      setError(detail || "That did not work. Please try again.");
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run };
}
