import { useState, type FormEvent, type ReactNode } from "react";

import { ApiError, Mails, type MailLink } from "../client";
import { Logo } from "./App";
import { Field } from "./Field";

const mails = new Mails();

/** Where the links of mails lead: confirm an address, ask for a new password, set it. */
export function MailPage({ link }: { link: MailLink }) {
  if (link.purpose === "verify-email") return <Verify token={link.token} />;
  return link.token === null ? <Forgot /> : <Reset token={link.token} />;
}

/** A button, for a program that looks into mails would confirm an address by looking. */
function Verify({ token }: { token: string | null }) {
  const step = useStep(() => mails.verify(token ?? ""));
  if (step.done) return <Door title="Your address is confirmed" />;
  if (token === null) return <Door title="This link is not complete">Open it from the mail once more.</Door>;
  return (
    <Door title="Confirm your e-mail address" step={step}>
      <button className="primary" disabled={step.busy}>
        {step.busy ? "One moment …" : "Confirm"}
      </button>
    </Door>
  );
}

function Forgot() {
  const step = useStep((form) => mails.forgot(String(form.get("email")).trim()));
  if (step.done) return <Door title="Look into your mail">If there is an account with this address, a link is on its way.</Door>;
  return (
    <Door title="Forgot your password?" step={step}>
      <Field label="E-mail" name="email" type="email" autoComplete="email" autoFocus required problem={step.wrong("email")} />
      <button className="primary" disabled={step.busy}>
        {step.busy ? "One moment …" : "Send me a link"}
      </button>
    </Door>
  );
}

function Reset({ token }: { token: string }) {
  const step = useStep((form) => mails.reset(token, String(form.get("password"))));
  if (step.done) return <Door title="Your password is changed">Sign in with the new one. Every device has been signed out.</Door>;
  return (
    <Door title="Choose a new password" step={step}>
      <Field
        label="New password"
        name="password"
        type="password"
        autoComplete="new-password"
        minLength={8}
        hint="8 characters or more"
        autoFocus
        required
        problem={step.wrong("new_password")}
      />
      <button className="primary" disabled={step.busy}>
        {step.busy ? "One moment …" : "Change the password"}
      </button>
    </Door>
  );
}

interface Step {
  busy: boolean;
  done: boolean;
  error: ApiError | null;
  wrong: (field: string) => string | undefined;
  submit: (event: FormEvent<HTMLFormElement>) => void;
}

/** One form that is sent once with success. A link that was used is taken out of the address and so of the history. */
function useStep(act: (form: FormData) => Promise<void>): Step {
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const run = async (form: FormData) => {
    setBusy(true);
    setError(null);
    try {
      await act(form);
      history.replaceState(null, "", location.pathname);
      setDone(true);
    } catch (failure) {
      setError(failure instanceof ApiError ? failure : new ApiError(0, "unknown", "That did not work."));
    } finally {
      setBusy(false);
    }
  };
  return {
    busy,
    done,
    error,
    wrong: (field) => error?.fields.get(field),
    submit: (event) => {
      event.preventDefault();
      void run(new FormData(event.currentTarget));
    },
  };
}

function Door({ title, step, children }: { title: string; step?: Step; children?: ReactNode }) {
  const error = step?.error ?? null;
  const expired = error?.code === "link_invalid";
  const said = expired ? "This link has been used, or is too old." : error && !["email", "new_password"].some((field) => error.fields.has(field)) ? error.detail : "";
  return (
    <main className="door">
      <form onSubmit={step?.submit} aria-labelledby="door-title">
        <Logo />
        <h1 id="door-title">{title}</h1>
        {said && <p className="error" role="alert">{said}</p>}
        {step ? children : <p role="status">{children}</p>}
        <p className="switch">
          {expired && (
            <>
              <a href="/reset-password">Ask for a new link</a>
              {" · "}
            </>
          )}
          <a href="/">Go to Parley</a>
        </p>
      </form>
    </main>
  );
}
