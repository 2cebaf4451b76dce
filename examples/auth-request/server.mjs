import { createServer } from "node:http";
import { identityHeaders, machineAuth } from "@tokens/machine-auth/http";

const { TOKENS_SERVER = "http://127.0.0.1:8080", PORT = "9001" } = process.env;
const protect = machineAuth({ trust: TOKENS_SERVER });
const answer = (request, response) => response.writeHead(200, identityHeaders(request.caller)).end();
const server = createServer(protect(answer)).listen(Number(PORT), "127.0.0.1", () => {
  console.log(`check server: http://127.0.0.1:${server.address().port}`);
});
