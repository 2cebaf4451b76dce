import { Option } from "commander";

/** Which server is asked, by commands for operators. */
export function adminServer(): Option {
  return new Option(
    "--server <URL>",
    "the server's admin listener, for example unix:./data/admin.sock [TOKENS_SERVER]",
  );
}
