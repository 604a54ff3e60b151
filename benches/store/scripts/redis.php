<?php // One packet for each slot, in Redis. GET and PUT /SLOT; /setup only connects.
$redis = new Redis(); $redis->pconnect(__DIR__ . '/redis.sock');
$slot = substr($_SERVER['REQUEST_URI'], 1);
if ($slot === 'setup') exit;
if ($_SERVER['REQUEST_METHOD'] === 'PUT') {
  $redis->setex($slot, (int) $_SERVER['HTTP_P2P_TTL'], file_get_contents('php://input'));
  http_response_code(204);
} else {
  $packet = $redis->get($slot);
  if ($packet === false) { http_response_code(404); exit; }
  header('Content-Type: application/octet-stream'); header('Content-Length: ' . strlen($packet)); echo $packet;
}
