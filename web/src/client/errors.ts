/** An answer that was not a success: RFC 9457's problem, as the gateway and all services send it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** A stable word to switch on. */
    readonly code: string,
    /** A sentence for people. */
    readonly detail: string,
    /** What is wrong with which field, on 422. */
    readonly fields: ReadonlyMap<string, string> = new Map(),
    /** Seconds, on 429 and 503. */
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
    this.name = "ApiError";
  }

  /** Whether the same request may work later. */
  get temporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

interface Problem {
  code?: string;
  title?: string;
  detail?: string;
  errors?: { field: string; detail: string }[];
}

/** The error in an answer, whatever its body is. */
export async function errorOf(response: Response): Promise<ApiError> {
  let problem: Problem = {};
  try {
    problem = (await response.json()) as Problem;
  } catch {
    // a proxy's page: the status has to do
  }
  const fields = new Map((problem.errors ?? []).map((error) => [error.field, error.detail]));
  const seconds = Number(response.headers.get("Retry-After"));
  return new ApiError(
    response.status,
    problem.code ?? "unknown",
    problem.detail || problem.title || `The server answered ${response.status}.`,
    fields,
    Number.isFinite(seconds) && seconds > 0 ? seconds : null,
  );
}

/** There was no answer at all. */
export function unreachable(): ApiError {
  return new ApiError(0, "unreachable", "The server cannot be reached.");
}
