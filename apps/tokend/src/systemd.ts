import { execFile } from "node:child_process";

/** Says something to the service manager; does nothing when there is none. Failures go to `warn`. */
export type Notify = (...assignments: string[]) => void;

/** How to talk to systemd (sd_notify): by its own program, as Node has no datagram sockets of that kind. */
export function systemdNotify(environment: NodeJS.ProcessEnv, warn: (message: string) => void): Notify {
  if (!environment["NOTIFY_SOCKET"]) return () => undefined;
  return (...assignments) => {
    execFile("systemd-notify", assignments, { env: environment, timeout: 10_000 }, (error) => {
      if (error) warn(`systemd was not told ${assignments.join(" ")}: ${error.message}`);
    });
  };
}
