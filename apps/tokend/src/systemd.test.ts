import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { systemdNotify } from "./systemd.js";

const works = (program: string, ...args: string[]) => {
  try {
    execFileSync(program, args, { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
};
/** Node cannot listen on such a socket: Python does, where it is there. */
const canListen = works("systemd-notify", "--version") && works("python3", "--version");

describe("systemdNotify", () => {
  it("does nothing without a service manager", () => {
    const warn = vi.fn();
    systemdNotify({}, warn)("READY=1");
    expect(warn).not.toHaveBeenCalled();
  });

  it("tells when systemd cannot be told", async () => {
    const warn = vi.fn();
    systemdNotify({ ...process.env, NOTIFY_SOCKET: "/does/not/exist" }, warn)("READY=1");
    await expect.poll(() => warn.mock.calls.flat().join()).toContain("systemd was not told READY=1");
  });

  it.skipIf(!canListen)("says it on the socket (needs systemd-notify and python3)", async () => {
    const folder = mkdtempSync(join(tmpdir(), "notify-"));
    const socket = join(folder, "socket");
    const listen = `import socket,sys
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind(sys.argv[1])
while True: print(s.recv(4096).decode().replace("\\n","|"),flush=True)`;
    const child = spawn("python3", ["-c", listen, socket], { stdio: ["ignore", "pipe", "inherit"] });
    let heard = "";
    child.stdout.on("data", (chunk) => (heard += String(chunk)));
    await expect.poll(() => existsSync(socket)).toBe(true);
    systemdNotify({ ...process.env, NOTIFY_SOCKET: socket }, () => undefined)("READY=1", "STATUS=token until then");
    await expect.poll(() => heard).toMatch(/READY=1\|STATUS=token until then/);
    child.kill();
    await once(child, "exit");
    rmSync(folder, { recursive: true });
  });
});
