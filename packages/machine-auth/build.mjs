// Puts what each entry point needs into few files: importing the package reads three instead of forty, and the time of an
// import is that of its files. Types stay as the compiler writes them; what entry points share is shared, so that an error of
// one is an error of the other.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { relative, resolve } from "node:path";
import { build } from "esbuild";

const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
const entryPoints = Object.values(exports).flatMap((entry) => entry["@tokens/source"] ?? []);
const options = {
  outdir: "dist",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  sourcemap: true,
};

/** The sources that some entry points need, but for those that are in other files already. */
async function sourcesOf(entries, others) {
  const { metafile } = await build({ ...options, entryPoints: entries, write: false, metafile: true });
  return new Set(Object.keys(metafile.inputs).filter((source) => !others.some(({ sources }) => sources.has(source))));
}

/** Leaves sources that are in other files to them. */
const importFrom = (others) => ({
  name: "import-from-shared-files",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, importer, resolveDir }) => {
      if (others.some(({ name }) => path === `./${name}.js`)) return { path, external: true };
      const source = relative(".", resolve(resolveDir, path.replace(/\.js$/, ".ts")));
      const shared = importer === "" ? undefined : others.find(({ sources }) => sources.has(source));
      return shared && { path: `./${shared.name}.js`, external: true };
    });
  },
});

/** Puts sources into one file that has all their names; a name that two of them have would be lost. */
async function share(name, sources, others) {
  const contents = [...sources].map((source) => `export * from "./${source}";`).join("\n");
  const { metafile } = await build({
    ...options,
    stdin: { contents, resolveDir: ".", sourcefile: `${name}.ts` },
    outdir: undefined,
    outfile: `dist/${name}.js`,
    plugins: [importFrom(others)],
    metafile: true,
  });
  const names = new Set(metafile.outputs[`dist/${name}.js`].exports);
  for (const source of sources) {
    for (const [, found] of readFileSync(source, "utf8").matchAll(
      /^export (?:async )?(?:function|class|const) (\w+)/gm,
    )) {
      if (!names.has(found)) throw new Error(`two files of ${name} export ${found}`);
    }
  }
  return { name, sources };
}

/** An entry point whose sources are all shared says which of their names are its own. */
const nameOnly = (others) => ({
  name: "name-only",
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/[\w-]+\.ts$/ }, async ({ path }) => {
      const shared = others.find(({ sources }) => sources.has(relative(".", path)));
      if (!shared) return undefined;
      const { metafile } = await build({ ...options, entryPoints: [path], write: false, metafile: true });
      const names = Object.values(metafile.outputs).flatMap(({ exports: own }) => own);
      return { contents: `export { ${names.join(", ")} } from "./${shared.name}.js";`, resolveDir: "." };
    });
  },
});

for (const name of readdirSync("dist")) if (/\.js(\.map)?$/.test(name)) rmSync(`dist/${name}`);
// What a machine needs of a token is little, and does without the rest.
const token = await share("shared-token", await sourcesOf(["./src/machine-token.ts"], []), []);
const verifierEntries = ["index", "delegation-token", "trust-bundle"].map((name) => `./src/${name}.ts`);
const verifier = await share("shared-verifier", await sourcesOf(verifierEntries, [token]), [token]);
const plugins = [importFrom([token, verifier]), nameOnly([token, verifier])];
await build({ ...options, entryPoints, splitting: true, plugins });
