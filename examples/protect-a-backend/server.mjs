import { createServer } from "node:http";
import { machineAuth } from "@tokens/machine-auth/http";

const protect = machineAuth({ trust: process.env.TOKENS_SERVER ?? "http://127.0.0.1:8080" });
const server = createServer(protect((request, response) => response.end(`hello ${request.caller.identity}\n`)));
server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1", () => {
  console.log(`backend: http://127.0.0.1:${server.address().port}`);
});
