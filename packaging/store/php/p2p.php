<?php // Packet store p2pstore/1: GET, PUT (or POST), DELETE p2p.php?k=<40 hex>; request fields P2P-TTL and P2P-Secret.
$dir = __DIR__ . '/p2pdata'; @mkdir($dir, 0700);          // deny it in the web server, or move it above the web root
$slot = $_GET['k'] ?? trim($_SERVER['PATH_INFO'] ?? '', '/'); $method = $_SERVER['REQUEST_METHOD']; $now = time();
header('Cache-Control: no-store');
if (!is_string($slot) || !preg_match('/^[0-9a-f]{40}\z/', $slot)) { http_response_code(400); exit; }
if (!in_array($method, ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'], true)) { http_response_code(405); exit; }
$reads = $method === 'GET' || $method === 'HEAD';
$secret = $_SERVER['HTTP_P2P_SECRET'] ?? ''; if (!$reads && strlen($secret) < 16) { http_response_code(401); exit; }
$place = "$dir/$slot." . hash('sha256', $secret);         // one file per slot and writer; the secret itself is not kept
$lock = fopen("$dir/lock", 'c'); flock($lock, $reads ? LOCK_SH : LOCK_EX); clearstatcache();
$all = !$reads && random_int(0, 99) === 0;                // now and then a writer clears away what expired elsewhere
$live = [];                                               // a file's time of modification is when its packet expires
foreach (glob($all ? "$dir/*.*" : "$dir/$slot.*") as $file) {
  $expires = (int) @filemtime($file);
  if ($expires <= $now) @unlink($file); elseif (str_starts_with($file, "$dir/$slot.")) $live[$file] = $expires;
}
if ($reads) {
  arsort($live); if (!$live) { http_response_code(404); exit; }
  header('Content-Type: application/octet-stream');
  foreach (array_slice(array_keys($live), 0, 8) as $file) { $packet = (string) @file_get_contents($file); echo pack('n', strlen($packet)), $packet; }
  exit;
}
if ($method === 'DELETE') { http_response_code(isset($live[$place]) && unlink($place) ? 204 : 404); exit; }
$packet = (string) file_get_contents('php://input', false, null, 0, 1025);
if ($packet === '' || strlen($packet) > 1024) { http_response_code(413); exit; }
if (count($live) >= 8 && !isset($live[$place])) { http_response_code(507); exit; }
$ttl = min(max((int) ($_SERVER['HTTP_P2P_TTL'] ?? 0) ?: 3600, 60), 604800);
$new = tempnam($dir, 'new'); $kept = $new && file_put_contents($new, $packet) === strlen($packet) && touch($new, $now + $ttl) && rename($new, $place);
if (!$kept && $new) @unlink($new);                        // the disk is full
http_response_code($kept ? 204 : 507);
