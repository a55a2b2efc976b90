/** What goes over the wire: the shapes are made of the AsyncAPI and OpenAPI documents (`generated.ts`). */
import type { Events } from "./generated";

export type {
  Commands,
  Events,
  Message,
  MessageList,
  Profile,
  ProfilePage,
  ProviderList,
  Room,
  RoomList,
  SessionList,
  SessionView as Login,
  Ticket,
  User,
} from "./generated";

/** A frame of any type. */
export type Frame = { [Type in keyof Events]: { type: Type; data: Events[Type] } }[keyof Events];
