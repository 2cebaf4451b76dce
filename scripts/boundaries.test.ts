import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Which of our packages each package and app may import. Downward only; nothing imports an app. */
const mayImport: Record<string, string[]> = {
  "packages/api": [],
  "packages/pki": [],
  "packages/machine-auth": [],
  "packages/client": ["api", "machine-auth", "pki"],
  "packages/minter": ["api", "pki", "machine-auth"],
  "apps/server": ["api", "pki", "machine-auth", "client", "minter"],
  "apps/tokend": ["client", "api"],
};

/** Features of minter: what one needs of another arrives as an argument. */
const features = ["machine-tokens", "delegation", "project-tokens", "service-accounts"];

interface Source {
  path: string;
  /** The text without comments, so that prose about a rule does not break it. */
  code: string;
  imports: string[];
}

function readSources(): Source[] {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "packages", "apps"], {
    cwd: root,
    encoding: "utf8",
  });
  return listed
    .split("\n")
    .filter((path) => /\/src\/.*\.ts$/.test(path) && !/\.test\.ts$|\/gen\//.test(path))
    .map((path) => {
      const code = readFileSync(`${root}/${path}`, "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
      const imports = [...code.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
      return { path, code, imports };
    });
}

const sources = readSources();
const home = (path: string) => path.split("/").slice(0, 2).join("/");
const offenders = (offends: (source: Source) => boolean) => sources.filter(offends).map(({ path }) => path);
const inPackages = ({ path }: Source) => path.startsWith("packages/");

function importsAgainstTheTable({ path, imports }: Source): boolean {
  const allowed = (mayImport[home(path)] ?? []).map((name) => `@tokens/${name}`);
  return imports
    .filter((name) => name.startsWith("@tokens/"))
    .some((name) => !allowed.includes(name.split("/").slice(0, 2).join("/")));
}

function featureOf(path: string): string | undefined {
  const folder = /packages\/minter\/src\/([\w-]+)\//.exec(path)?.[1];
  return folder !== undefined && features.includes(folder) ? folder : undefined;
}

describe("boundaries", () => {
  it("finds the sources", () => {
    expect(new Set(sources.map(({ path }) => home(path)))).toEqual(new Set(Object.keys(mayImport)));
  });

  it("packages import downward only", () => {
    expect(offenders(importsAgainstTheTable)).toEqual([]);
  });

  it("@peculiar/* is imported in one file", () => {
    expect(offenders(({ imports }) => imports.some((name) => name.startsWith("@peculiar/")))).toEqual([
      "packages/pki/src/x509.ts",
    ]);
  });

  it("process, console and signals are touched in apps only", () => {
    const touches = /\bprocess\.|\bconsole\.|from "node:process"/;
    expect(offenders((source) => inPackages(source) && touches.test(source.code))).toEqual([]);
  });

  it("connections are opened in files named after fetching or posting", () => {
    const opens = /"node:(http|https|http2|tls|dgram)"|(?<![.#\w])fetch\(/;
    const withoutTypes = (code: string) =>
      code.replaceAll(/import type .*/g, "").replaceAll(/import \{ (BlockList, )?isIP \}.*/g, "");
    const opening = offenders((source) => inPackages(source) && opens.test(withoutTypes(source.code)));
    expect(opening.filter((path) => !/\/(fetch|post)-/.test(path))).toEqual([]);
    expect(offenders((source) => inPackages(source) && /"node:net"/.test(withoutTypes(source.code)))).toEqual([]);
  });

  it("SQL stays in storage", () => {
    const sql = /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b/;
    expect(offenders((source) => sql.test(source.code) && !source.path.includes("/storage/"))).toEqual([]);
  });

  it("features of minter do not import each other", () => {
    const leaks = offenders(({ path, imports }) =>
      imports.some((name) => {
        const other = featureOf(new URL(name, `file:///${path}`).pathname.slice(1));
        return (
          name.startsWith(".") && featureOf(path) !== undefined && other !== undefined && other !== featureOf(path)
        );
      }),
    );
    expect(leaks).toEqual([]);
  });

  it("Date.now is only the default of a clock", () => {
    const calls = /Date\.now\(|new Date\(\)|performance\.now\(/;
    expect(offenders((source) => inPackages(source) && calls.test(source.code))).toEqual([]);
  });

  it("barrels are written by hand, and no file is named after nothing", () => {
    expect(offenders(({ code }) => /export\s+\*/.test(code))).toEqual([]);
    expect(offenders(({ path }) => /\/(utils?|helpers?|common|misc|types)(\.ts|\/)/.test(path))).toEqual([]);
  });
});

describe("what a backend installs", () => {
  it("is one package: machine-auth has no dependencies", () => {
    const manifest = JSON.parse(readFileSync(`${root}/packages/machine-auth/package.json`, "utf8")) as {
      peerDependencies: object;
      peerDependenciesMeta: Record<string, { optional?: boolean }>;
    };
    expect(manifest).not.toHaveProperty("dependencies");
    expect(manifest).not.toHaveProperty("optionalDependencies");
    // Peers are frameworks that a backend has already; nothing installs an optional one.
    for (const peer of Object.keys(manifest.peerDependencies)) {
      expect(manifest.peerDependenciesMeta[peer]).toEqual({ optional: true });
    }
  });
});
