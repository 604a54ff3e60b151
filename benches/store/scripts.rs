//! Scripts behind nginx and PHP-FPM that keep packets in a database and verify nothing.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use testbed::overlays::servers::{
    Running, await_listener, await_until, free_address, start, temporary_paths,
};
use testbed::overlays::store::request;
use testbed::programs;

/// The names that distributions give it.
const PHP_FPM: [&str; 5] = ["php-fpm", "php-fpm8.4", "php-fpm8.3", "php-fpm8.2", "php-fpm8.1"];

/// The processes of one script, which end with it.
pub(crate) struct Script {
    pub(crate) address: SocketAddr,
    _processes: Vec<Running>,
}

/// Packets in SQLite, on disk when a put is answered or at the next checkpoint; None where Debian's php-fpm and
/// php-sqlite3 are missing.
pub(crate) fn sqlite(is_synced: bool) -> Option<Script> {
    let synchronous = if is_synced { "FULL" } else { "NORMAL" };
    script(&include_str!("scripts/sqlite.php").replace("SYNCHRONOUS", synchronous), None)
}

/// Packets in Redis, on disk when a put is answered or never; None where Debian's redis-server, php-fpm and php-redis
/// are missing.
pub(crate) fn redis(is_synced: bool) -> Option<Script> {
    let mut redis = Command::new(programs::find("redis-server")?);
    redis.args(["--port", "0", "--unixsocket", "redis.sock", "--save", ""]);
    redis.args(["--appendonly", if is_synced { "yes" } else { "no" }, "--appendfsync", "always"]);
    script(include_str!("scripts/redis.php"), Some(redis))
}

fn script(php: &str, database: Option<Command>) -> Option<Script> {
    let nginx = programs::find("nginx")?;
    let fpm = PHP_FPM.iter().find_map(|name| programs::on_path(name));
    let fpm = programs::or_skip(fpm, "php-fpm")?;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    fs::write(path.join("store.php"), php).expect("a file");
    let mut processes = Vec::new();
    if let Some(database) = database {
        processes.push(start(database, &path));
        await_until("no database", || path.join("redis.sock").exists());
    }
    fs::write(path.join("fpm.conf"), fpm_configuration(&path)).expect("a file");
    let mut command = Command::new(fpm);
    // -R: as root where we are root
    command.args(["-R", "-F", "-y"]).arg(path.join("fpm.conf"));
    processes.push(start(command, &path));
    await_until("no PHP", || path.join("php.sock").exists());
    let address = free_address();
    fs::write(path.join("nginx.conf"), nginx_configuration(&path, address)).expect("a file");
    let mut command = Command::new(nginx);
    command.arg("-p").arg(&path).args(["-c", "nginx.conf", "-e", "error.log"]);
    processes.push(start(command, &path).with_folder(folder));
    await_listener(address);
    let setup = request("GET", &format!("http://{address}/setup"), &[], b"");
    let is_set_up = matches!(setup, Ok((200, _))).then_some(());
    programs::or_skip(is_set_up, "PHP's modules for sqlite3 and redis")?;
    Some(Script { address, _processes: processes })
}

fn fpm_configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "[global]\nerror_log = {folder}/fpm.log\n\
         [store]\nuser = root\ngroup = root\nlisten = {folder}/php.sock\nlisten.backlog = 1024\n\
         pm = static\npm.max_children = 4\n"
    )
}

fn nginx_configuration(folder: &Path, address: SocketAddr) -> String {
    let (folder, temporary) = (folder.display(), temporary_paths());
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;
        events {{ worker_connections 1024; }}
        http {{
            access_log off; {temporary}
            server {{
                listen {address};
                location / {{
                    fastcgi_pass unix:{folder}/php.sock;
                    fastcgi_param SCRIPT_FILENAME {folder}/store.php;
                    fastcgi_param REQUEST_METHOD $request_method;
                    fastcgi_param REQUEST_URI $request_uri;
                    fastcgi_param CONTENT_LENGTH $content_length;
                }}
            }}
        }}"
    )
}
