// Socket.IO with the Redis adapter and one INSERT per message, as their documents show it.
//
// A message is acknowledged and sent to its room when Postgres has committed it. What one socket says is handled in the
// order in which it was said: otherwise the pool's connections would overtake each other, and the room's order with them.
// ORDER=any lets them.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import pg from "pg";
import { createClient } from "redis";
import { Server } from "socket.io";

const { DATABASE_URL, HOST, ORDER, PORT, REDIS_URL } = process.env;

const pool = new pg.Pool({ connectionString: DATABASE_URL }); // 10 connections
await pool.query(
  `CREATE TABLE IF NOT EXISTS messages (
     id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     room text NOT NULL,
     sender text NOT NULL,
     content text NOT NULL,
     created_at timestamptz NOT NULL DEFAULT now())`,
);

const publisher = createClient({ url: REDIS_URL });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const http = createServer((request, response) => {
  response.statusCode = request.url === "/readyz" ? 200 : 404;
  response.end();
});
const io = new Server(http, { adapter: createAdapter(publisher, subscriber), serveClient: false });

const INSERT = {
  name: "insert_message", // a prepared statement
  text: "INSERT INTO messages (room, sender, content) VALUES ($1, $2, $3) RETURNING id, created_at",
};

io.on("connection", (socket) => {
  const room = socket.handshake.query.room;
  socket.join(room);
  let last = Promise.resolve();
  const say = async ({ content, client_id }, acknowledge) => {
    const { rows } = await pool.query({ ...INSERT, values: [room, socket.id, content] });
    const [{ id, created_at }] = rows;
    acknowledge({ id, client_id });
    io.to(room).emit("chat.message", { id, room, sender: socket.id, content, client_id, created_at });
  };
  socket.on("chat.message", (message, acknowledge) => {
    if (ORDER === "any") say(message, acknowledge);
    else last = last.then(() => say(message, acknowledge));
  });
});

http.listen(Number(PORT), HOST);
process.on("SIGTERM", () => process.exit(0));
