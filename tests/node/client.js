// socket.io-client as it is published, driven by lines of JSON: {id, do, client, …} in, {id, reply} and
// {client, event, data} out. Events of the library itself begin with a "$".

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const clients = new Map();

function say(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

const actions = {
  // options are the library's; `resuming` clients ask for what they have missed whenever they connect
  open({ client, url, options, auth, resuming }) {
    const socket = io(url, { ...options, auth: auth ?? undefined });
    const positions = {};
    clients.set(client, socket);
    socket.io.on("open", () => {
      const engine = socket.io.engine;
      say({ client, event: "$open", data: { sid: engine.id, transport: engine.transport.name } });
      engine.once("upgrade", (transport) => say({ client, event: "$upgrade", data: { transport: transport.name } }));
    });
    socket.on("connect", () => {
      say({ client, event: "$connect", data: { id: socket.id } });
      if (resuming && Object.keys(positions).length > 0) {
        socket.emit("auth.resume", { rooms: positions });
      }
    });
    socket.on("connect_error", (error) =>
      say({ client, event: "$connect_error", data: { message: error.message, data: error.data ?? null } }),
    );
    socket.on("disconnect", (reason) => say({ client, event: "$disconnect", data: { reason } }));
    socket.onAny((event, data) => {
      if (event === "receive_message") {
        positions[data.chat_id] = data.seq;
      }
      say({ client, event, data: data ?? null });
    });
    return null;
  },

  async emit({ client, event, args }) {
    return await clients.get(client).timeout(10000).emitWithAck(event, ...args);
  },

  tell({ client, event, args }) {
    clients.get(client).emit(event, ...args);
    return null;
  },

  transport({ client }) {
    return clients.get(client).io.engine?.transport?.name ?? null;
  },

  // as a network that breaks: the library notices, and reconnects by itself
  cut({ client }) {
    clients.get(client).io.engine.close();
    return null;
  },

  auth({ client, auth }) {
    clients.get(client).auth = auth;
    return null;
  },

  connect({ client }) {
    clients.get(client).connect();
    return null;
  },

  close({ client }) {
    clients.get(client).disconnect();
    return null;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  Promise.resolve()
    .then(() => actions[command.do](command))
    .then((reply) => say({ id: command.id, reply: reply ?? null }))
    .catch((error) => say({ id: command.id, failed: String(error) }));
}
process.exit(0);
