<?php // One packet for each slot, in SQLite. GET and PUT /SLOT; /setup makes the table.
$db = new PDO('sqlite:' . __DIR__ . '/packets.db', null, null, [PDO::ATTR_PERSISTENT => true, PDO::ATTR_TIMEOUT => 60]);
$slot = substr($_SERVER['REQUEST_URI'], 1); $now = time();
if ($slot === 'setup') {
  $db->exec('PRAGMA journal_mode = WAL');
  $db->exec('CREATE TABLE packets (slot TEXT PRIMARY KEY, expires INTEGER, packet BLOB) WITHOUT ROWID');
} elseif ($_SERVER['REQUEST_METHOD'] === 'PUT') {
  $db->exec('PRAGMA synchronous = SYNCHRONOUS');
  $put = $db->prepare('INSERT OR REPLACE INTO packets VALUES (?, ?, ?)');
  $put->execute([$slot, $now + (int) $_SERVER['HTTP_P2P_TTL'], file_get_contents('php://input')]);
  http_response_code(204);
} else {
  $get = $db->prepare('SELECT packet FROM packets WHERE slot = ? AND expires > ?');
  $get->execute([$slot, $now]);
  $packet = $get->fetchColumn();
  if ($packet === false) { http_response_code(404); exit; }
  header('Content-Type: application/octet-stream'); header('Content-Length: ' . strlen($packet)); echo $packet;
}
