# For the tests of an nginx in front, as docs/server-conf.md has it. Source it
# after server-lib.sh; only where there is one.

# It fetches packages from here, and listens at http://127.0.0.1:$port: returns
# once it hands out what lies at that path.
start_nginx() { # upstream, path, line of http{} (may be empty), lines of location{}
	port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
	mkdir -p "$WORK/cache"
	cat >"$WORK/nginx.conf" <<CONF
daemon off;
user $(id -un);
pid $WORK/nginx.pid;
error_log $WORK/nginx.log;
events { }
http {
	access_log off;
	proxy_temp_path $WORK/cache/temp;
	client_body_temp_path $WORK/cache/body;
	fastcgi_temp_path $WORK/cache/f;
	uwsgi_temp_path $WORK/cache/u;
	scgi_temp_path $WORK/cache/s;
	${3:-}
	server {
		listen 127.0.0.1:$port;
		location /targets/ {
			proxy_pass http://$1;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			${4:-}
		}
		location / { return 404; }
	}
}
CONF
	timeout 600 nginx -p "$WORK" -c "$WORK/nginx.conf" >"$WORK/nginx.out" 2>&1 &
	nginx=$!
	tries=0
	until curl -sf -o "$WORK/got" "http://127.0.0.1:$port/$2"; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || die "$(cat "$WORK/nginx.out" "$WORK/nginx.log")"
		sleep 0.1
	done
}

stop_nginx() {
	kill "$nginx"
	wait "$nginx" 2>/dev/null || :
}
