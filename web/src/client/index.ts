/** Parley's JavaScript SDK: the protocol's rules without any user interface. */
export { elsewhere, type Provider } from "./elsewhere";
export { ApiError } from "./errors";
export { Http, type Tokens } from "./http";
export { mailLinkOf, Mails, type MailLink } from "./links";
export { Parley, type Options } from "./parley";
export { Session, type Me } from "./session";
export { markOf, sorted, titleOf, unread, type AppState, type Mark, type RoomState } from "./state";
export type { Sending } from "./outbox";
export type { Timeline } from "./timeline";
export type * from "./types";
