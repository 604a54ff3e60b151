// Packet store p2pstore/1: GET, PUT (or POST), DELETE /<40 hex>; request fields P2P-TTL and P2P-Secret; DB is a D1 binding with schema.sql.
const hex = octets => [...new Uint8Array(octets)].map(octet => octet.toString(16).padStart(2, "0")).join("");
const noStore = { "cache-control": "no-store" };
const end = status => new Response(null, { status, headers: noStore });
export default { async fetch(request, { DB }) {
  const slot = new URL(request.url).pathname.slice(1), now = Math.floor(Date.now() / 1000), method = request.method;
  if (!/^[0-9a-f]{40}$/.test(slot)) return end(400);
  if (method === "GET" || method === "HEAD") {
    const { results } = await DB.prepare("SELECT packet FROM places WHERE slot=? AND expires>? ORDER BY expires DESC LIMIT 8").bind(slot, now).all();
    if (!results.length) return end(404);
    const body = results.flatMap(({ packet }) => [new Uint8Array([packet.length >> 8, packet.length & 255]), new Uint8Array(packet)]);
    return new Response(new Blob(body), { headers: { ...noStore, "content-type": "application/octet-stream" } });
  }
  if (!["PUT", "POST", "DELETE"].includes(method)) return end(405);
  const secret = request.headers.get("p2p-secret") ?? ""; if (secret.length < 16) return end(401);
  const writer = hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)));
  if (method === "DELETE") return end((await DB.prepare("DELETE FROM places WHERE slot=? AND writer=? AND expires>?").bind(slot, writer, now).run()).meta.changes ? 204 : 404);
  if (Number(request.headers.get("content-length")) > 1024) return end(413);
  const packet = await request.arrayBuffer(); if (!packet.byteLength || packet.byteLength > 1024) return end(413);
  const ttl = Math.min(Math.max(parseInt(request.headers.get("p2p-ttl"), 10) || 3600, 60), 604800);
  const sweep = DB.prepare("DELETE FROM places WHERE expires<=?").bind(now); // few at a time, found by an index
  const put = DB.prepare("INSERT INTO places SELECT ?1,?2,?3,?4 WHERE (SELECT count(*) FROM places WHERE slot=?1 AND writer<>?2)<8 ON CONFLICT DO UPDATE SET packet=?3, expires=?4");
  const [, { meta }] = await DB.batch([sweep, put.bind(slot, writer, packet, now + ttl)]);
  return end(meta.changes ? 204 : 507);
} };
