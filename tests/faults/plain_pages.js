// Plain pages with the real socket.io-client, which do not retry: node plain_pages.js CLIENT URL COUNT.
// Each line on standard output is one answer; when standard input ends, the last line is what the pages met, as JSON.
const [, , client, url, count] = process.argv;
const { io } = require(client);
const pages = [];

for (let number = 0; number < Number(count); number++) {
  const page = { name: `plain${number}`, sent: 0, received: 0, errors: [] };
  const socket = io(url, { transports: ["websocket"], forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 500 });
  const session_id = page.name;
  socket.on("connect", () => socket.emit("session_request", { session_id }));
  socket.on("error", (error) => page.errors.push(error));
  socket.on("bot_uttered", (reply) => {
    page.received++;
    if (reply.text !== "Hello.") page.errors.push(reply);
    console.log("answer");
  });
  page.timer = setInterval(() => {
    page.sent++;
    socket.emit("user_uttered", { session_id, message: "hello" });
  }, 90 + 7 * number);
  pages.push(page);
}

process.stdin.resume();
process.stdin.on("end", () => {
  for (const page of pages) clearInterval(page.timer);
  setTimeout(() => {
    console.log(JSON.stringify(pages.map(({ timer, ...page }) => page)));
    process.exit(0);
  }, 3000);
});
