// Driver of `ali-oss`, the client of Node.js: a line of JSON asks for an operation, a line answers; see loop.py.
import { createRequire } from "node:module";
import readline from "node:readline";
import { Readable } from "node:stream";

const settings = JSON.parse(process.argv[2]);
const OSS = createRequire(`${process.argv[3]}/`)("ali-oss");
const client = new OSS({
  endpoint: settings.endpoint,
  region: `oss-${settings.region}`,
  accessKeyId: settings.key_id,
  accessKeySecret: settings.secret,
  bucket: settings.bucket,
});
const HEADERS = {
  acl: "x-oss-object-acl",
  class: "x-oss-storage-class",
  forbid: "x-oss-forbid-overwrite",
  md5: "Content-MD5",
  type: "Content-Type",
};
const bytes = (text) => Buffer.from(text, "base64");
const text = (content) => Buffer.from(content).toString("base64");
const sorted = (names) => [...names].sort();
const etag = (answer) => answer.etag || answer.res.headers.etag;

async function list(asked) {
  const found = { keys: [], prefixes: [] };
  let token;
  do {
    const page = await client.listV2({
      prefix: asked.prefix,
      ...(asked.delimiter ? { delimiter: asked.delimiter } : {}),
      "max-keys": asked.page || 100,
      ...(token ? { "continuation-token": token } : {}),
    });
    found.keys.push(...(page.objects || []).map((each) => each.name));
    found.prefixes.push(...(page.prefixes || []));
    token = page.nextContinuationToken;
  } while (token);
  return { keys: sorted(found.keys), prefixes: sorted(found.prefixes) };
}

async function multipart(asked) {
  const { uploadId } = await client.initMultipartUpload(asked.key);
  const done = [];
  for (const [index, part] of asked.parts.entries()) {
    const body = bytes(part);
    const made = await client._uploadPart(asked.key, uploadId, index + 1, { stream: Readable.from([body]), size: body.length });
    done.push({ number: index + 1, etag: etag(made) });
  }
  await client.completeMultipartUpload(asked.key, uploadId, done);
}

const OPERATIONS = {
  async put(asked) {
    const headers = {};
    for (const [name, value] of Object.entries(asked.with || {})) headers[HEADERS[name]] = value;
    await client.put(asked.key, bytes(asked.body), { headers, ...(asked.meta ? { meta: asked.meta } : {}) });
  },
  async get(asked) {
    const [first, last] = asked.range || [];
    const headers = asked.range ? { Range: `bytes=${first ?? ""}-${last ?? ""}` } : {};
    return text((await client.get(asked.key, { headers })).content);
  },
  async head(asked) {
    const found = await client.head(asked.key);
    const headers = found.res.headers;
    return { size: Number(headers["content-length"]), type: headers["content-type"], meta: found.meta || {} };
  },
  async exists(asked) {
    try {
      await client.head(asked.key);
      return true;
    } catch (error) {
      if (error.code === "NoSuchKey") return false;
      throw error;
    }
  },
  delete: (asked) => client.delete(asked.key).then(() => null),
  delete_many: async (asked) => sorted((await client.deleteMulti(asked.keys)).deleted.map((each) => each.Key || each)),
  list,
  copy: (asked) => client.copy(asked.key, asked.source).then(() => null),
  append: async (asked) =>
    Number((await client.append(asked.key, bytes(asked.body), { position: asked.position })).nextAppendPosition),
  begin: async (asked) => (await client.initMultipartUpload(asked.key)).uploadId,
  multipart,
  uploads: async (asked) =>
    sorted(((await client.listUploads({ prefix: asked.prefix, "max-uploads": 100 })).uploads || []).map((each) => each.name)),
  abort: (asked) => client.abortMultipartUpload(asked.key, asked.upload).then(() => null),
  set_acl: (asked) => client.putACL(asked.key, asked.acl).then(() => null),
  acl: async (asked) => (await client.getACL(asked.key)).acl,
  set_tags: (asked) => client.putObjectTagging(asked.key, asked.tags).then(() => null),
  tags: async (asked) => (await client.getObjectTagging(asked.key)).tag,
  delete_tags: (asked) => client.deleteObjectTagging(asked.key).then(() => null),
  link: (asked) => client.putSymlink(asked.key, asked.target, {}).then(() => null),
  target: async (asked) => (await client.getSymlink(asked.key)).targetName,
  sign: async (asked) => client.signatureUrl(asked.key, { method: asked.method, expires: 300 }),
  buckets: async () => sorted(((await client.listBuckets({ "max-keys": 100 })).buckets || []).map((each) => each.name)),
  create_bucket: (asked) => client.putBucket(asked.name, { storageClass: "IA" }).then(() => null),
  delete_bucket: (asked) => client.deleteBucket(asked.name).then(() => null),
  async bucket_info(asked) {
    const { bucket } = await client.getBucketInfo(asked.name);
    return { name: bucket.Name, location: bucket.Location, class: bucket.StorageClass };
  },
  bucket_stat: async (asked) => Number((await client.getBucketStat(asked.name)).stat.ObjectCount),
  location: async (asked) => (await client.getBucketLocation(asked.name)).location,
  upload: (asked) => client.multipartUpload(asked.key, asked.file, { partSize: 1 << 20 }).then(() => null),
  download: (asked) => client.get(asked.key, asked.file).then(() => null),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const operation = OPERATIONS[asked.do];
  let answer = { lacks: true };
  if (operation) {
    try {
      answer = { ok: (await operation(asked)) ?? null };
    } catch (error) {
      answer = { error: String(error.code || error.message).slice(0, 300) };
    }
  }
  console.log(JSON.stringify(answer));
}
