import { useId, type InputHTMLAttributes } from "react";

interface Props extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  problem?: string | undefined;
  hint?: string | undefined;
  optional?: boolean;
}

/** A labelled input with what is wrong with it. */
export function Field({ label, problem, hint, optional, ...input }: Props) {
  const id = useId();
  const note = problem ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>
        {label} {optional && <span className="muted">(optional)</span>}
      </label>
      <input
        id={id}
        {...input}
        aria-invalid={problem !== undefined}
        aria-describedby={note === undefined ? undefined : `${id}-note`}
      />
      {note !== undefined && (
        <p id={`${id}-note`} className={problem === undefined ? "muted" : "error"} role={problem && "alert"}>
          {note}
        </p>
      )}
    </div>
  );
}
