import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);
const folderOf = (name) => dirname(require.resolve(`${name}/package.json`));
const tokens = join(folderOf("@tokens/server"), "bin/tokens.js");
const tokend = join(folderOf("@tokens/tokend"), "bin/tokend.js");
const backend = join(folderOf("protect-a-backend"), "server.mjs");

/** The real programs, each in its own process. What they log is shown only when they fail. */
export class Programs {
  #running = new Set();
  #failures = [];

  /** Starts the token server and waits until it listens; its `listening` line. */
  async startServer(config, data) {
    const line = await this.#start([tokens, "serve", "--config", config, "--data", data, "--listen", "127.0.0.1:0"]);
    return JSON.parse(line);
  }

  /** Starts the example backend and waits until it listens; its URL. */
  async startBackend(server) {
    const line = await this.#start([backend], { TOKENS_SERVER: server, PORT: "0" });
    return line.replace("backend: ", "");
  }

  /** Runs the agent once, as cron would. */
  async runAgent({ backend: address, key, certificate, tokenFile }) {
    const flags = ["-backend", address, "-pkey-pem", key, "-cert-pem", certificate, "-token-file", tokenFile];
    const { ended } = this.#spawn([tokend, ...flags]);
    const end = await ended;
    if (end.code !== 0) throw new Error(`tokend ended with exit code ${end.code}:\n${end.log}`);
  }

  /** Rejects when a program that should keep running ends. */
  unexpectedEnd() {
    return Promise.race(this.#failures);
  }

  /** Asks all programs to stop, and waits until they have. */
  async stop() {
    const all = [...this.#running];
    for (const { child } of all) child.kill("SIGTERM");
    await Promise.all(all.map(({ ended }) => ended));
  }

  /** Starts a program that keeps running; the first line it prints. */
  async #start(args, environment = {}) {
    const { child, ended } = this.#spawn(args, environment);
    const lines = createInterface({ input: child.stdout });
    const failure = ended.then(({ code, log }) => {
      throw new Error(`${args[0]} ended with exit code ${code}:\n${log}`);
    });
    failure.catch(() => undefined);
    this.#failures.push(failure);
    return Promise.race([new Promise((resolve) => lines.once("line", resolve)), failure]);
  }

  #spawn(args, environment = {}) {
    const child = spawn(process.execPath, args, { env: { ...process.env, ...environment } });
    let log = "";
    child.stderr.on("data", (chunk) => (log = (log + chunk).slice(-10_000)));
    const program = { child };
    program.ended = new Promise((resolve) => {
      child.on("close", (code) => {
        this.#running.delete(program);
        resolve({ code, log });
      });
    });
    this.#running.add(program);
    return program;
  }
}
