// Fills a container of Azurite and prints a shared access signature for it:
// node seed.mjs URL CONTAINER KEY=CONTENT...
// Signed here by hand, so that what the controller signs is compared with another's work.
import { createHmac } from "node:crypto";

const account = "devstoreaccount1";
const key = Buffer.from(
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
  "base64",
);
const version = "2021-12-02";
const [url, container, ...blobs] = process.argv.slice(2);
const sign = (text) => createHmac("sha256", key).update(text, "utf8").digest("base64");

async function put(path, query, headers, body) {
  const all = { ...headers, "x-ms-date": new Date().toUTCString(), "x-ms-version": version };
  const names = Object.keys(all).filter((name) => name.startsWith("x-ms-")).sort();
  const canonical = names.map((name) => `${name}:${all[name]}\n`).join("");
  const target = new URL(`${url}/${path}`);
  const resource = `/${account}${target.pathname}` + query.map(([n, v]) => `\n${n}:${v}`).join("");
  const length = body.length === 0 ? "" : String(body.length);
  const type = body.length === 0 ? "" : "text/plain";
  const text = ["PUT", "", "", length, "", type, "", "", "", "", "", ""].join("\n") + `\n${canonical}${resource}`;
  target.search = query.map(([n, v]) => `${n}=${v}`).join("&");
  if (type) all["content-type"] = type;
  const authorization = `SharedKey ${account}:${sign(text)}`;
  const answer = await fetch(target, { method: "PUT", headers: { ...all, authorization }, body: body.length ? body : undefined });
  if (!answer.ok) throw new Error(`${target.pathname}: ${answer.status} ${await answer.text()}`);
}

await put(container, [["restype", "container"]], {}, Buffer.alloc(0));
for (const blob of blobs) {
  const at = blob.indexOf("=");
  const path = blob.slice(0, at).split("/").map(encodeURIComponent).join("/");
  await put(`${container}/${path}`, [], { "x-ms-blob-type": "BlockBlob" }, Buffer.from(blob.slice(at + 1)));
}
// An account's signature: read and list blobs of this service, for an hour.
const expiry = new Date(Date.now() + 3600e3).toISOString().slice(0, 19) + "Z";
const fields = [account, "rl", "b", "sco", "", expiry, "", "https,http", version, "", ""];
const signature = sign(fields.join("\n"));
console.log(new URLSearchParams({ sv: version, ss: "b", srt: "sco", sp: "rl", se: expiry, spr: "https,http", sig: signature }).toString());
