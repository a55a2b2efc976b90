import { useEffect, useState, type FormEvent } from "react";

import { ApiError, elsewhere, Http, type Provider, type Session } from "../client";
import { Logo } from "./App";
import { Field } from "./Field";

/** The door: sign in, make an account, or come by a provider that the operator has configured. */
export function SignIn({ session, problem }: { session: Session; problem: string }) {
  const [isNew, setNew] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const providers = useProviders();

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    setBusy(true);
    setError(null);
    try {
      if (isNew) {
        const email = text("email");
        const display_name = text("display_name");
        await session.register({
          username: text("username"),
          password: String(form.get("password")),
          ...(email ? { email } : {}),
          ...(display_name ? { display_name } : {}),
        });
      } else {
        await session.login(text("username"), String(form.get("password")));
      }
    } catch (failure) {
      setError(failure instanceof ApiError ? failure : new ApiError(0, "unknown", "That did not work."));
      setBusy(false);
    }
  };

  const wrong = (field: string) => (error?.code === `${field}_taken` ? error.detail : error?.fields.get(field));
  return (
    <main className="door">
      <form onSubmit={submit} aria-labelledby="door-title" noValidate={false}>
        <Logo />
        <h1 id="door-title">{isNew ? "Create an account" : "Sign in to Parley"}</h1>
        {problem && <p className="error" role="alert">{problem}</p>}
        {error && error.fields.size === 0 && !error.code.endsWith("_taken") && <p className="error" role="alert">{sentence(error)}</p>}
        <Field
          label={isNew ? "Username" : "Username or e-mail"}
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          required
          problem={wrong("username")}
        />
        {isNew && <Field label="Display name" name="display_name" autoComplete="name" optional problem={wrong("display_name")} />}
        {isNew && <Field label="E-mail" name="email" type="email" autoComplete="email" optional problem={wrong("email")} />}
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete={isNew ? "new-password" : "current-password"}
          minLength={isNew ? 8 : 1}
          hint={isNew ? "8 characters or more" : undefined}
          required
          problem={wrong("password")}
        />
        <button className="primary" disabled={busy}>
          {busy ? "One moment …" : isNew ? "Create account" : "Sign in"}
        </button>
        {providers.length > 0 && (
          <div className="providers" role="group" aria-label="Other ways to sign in">
            {providers.map((provider) => (
              <button type="button" key={provider.name} onClick={() => void elsewhere(provider).then((url) => location.assign(url))}>
                Continue with {provider.title}
              </button>
            ))}
          </div>
        )}
        {!isNew && (
          <p className="switch">
            <a href="/reset-password">Forgot your password?</a>
          </p>
        )}
        <p className="switch">
          {isNew ? "You have one already?" : "New here?"}{" "}
          <button
            type="button"
            className="link"
            onClick={() => {
              setNew(!isNew);
              setError(null);
            }}
          >
            {isNew ? "Sign in" : "Create an account"}
          </button>
        </p>
      </form>
    </main>
  );
}

function sentence(error: ApiError): string {
  if (error.code === "invalid_credentials") return "The username or the password is wrong.";
  if (error.status === 429) return `Too many attempts. Try again in ${Math.ceil(error.retryAfter ?? 60)} seconds.`;
  return error.detail;
}

function useProviders(): Provider[] {
  const [providers, setProviders] = useState<Provider[]>([]);
  useEffect(() => {
    new Http("", null)
      .get<{ providers: Provider[] }>("/auth/oauth")
      .then((found) => setProviders(found.providers))
      .catch(() => setProviders([]));
  }, []);
  return providers;
}
