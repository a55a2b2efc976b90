/** Listeners by event; a listener that throws does not keep the others from hearing. */
export class Emitter<Events extends object> {
  private readonly listeners: { [Name in keyof Events]?: Set<(event: Events[Name]) => void> } = {};

  /** Listen; the result ends it. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const known = (this.listeners[name] ??= new Set());
    known.add(listener);
    return () => void known.delete(listener);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.listeners[name] ?? [])]) {
      try {
        listener(event);
      } catch (error) {
        console.error(error);
      }
    }
  }
}
