<?php
// Stands before Apache, so that no client takes all of its processes: each of them serves one connection, however slow. Here every
// connection is taken at once and costs next to nothing; to Apache it goes when its client has fewer there than anybody else who
// waits, and never more than its share. Bytes are passed on as they are: TLS is Apache's. A script that Apache
// starts has it run, always (front); with Apache, which is the container's first process, it ends.

const WORKERS = {{ workers.all }};  // of Apache: so many connections go on at the same time
const SHARE = {{ workers.share }};    // of one client; browsers take six
const WAITING = 64;  // of one client, further ones are closed
const ALL = 850;     // of all, whatever they do; select() knows descriptors below 1024
const PIECE = 65536; // bytes on the way, in each direction
const LINGER = 2;    // seconds for a client to read the end
const PROXIED_FROM = '127.0.0.2'; // whom Apache believes on visitors: no visitor comes from there
const PROXIES = [{% for proxy in reverse_proxies %}'{{ proxy }}', {% endfor %}]; // they speak for everybody, and have no share

// Port to listen on -> of Apache, for everybody and for those proxies.
const PORTS = [
{% for port in listen.webmail %}
    {{ port }} => [{{ apache.https }}, {{ apache.https }}],
{% endfor %}
{% for port in listen.webmail_redirect %}
    {{ port }} => [{{ apache.http }}, {{ apache.proxied or apache.http }}],
{% endfor %}
];

final class Connection
{
    public $apache = null;
    public string $out = '';     // to Apache
    public string $back = '';    // to the client
    public bool $ended = false;  // the client sends no more
    public bool $passed = false; // and Apache knows
    public ?float $until = null; // when it is closed, once Apache has closed

    public function __construct(public $client, public string $who, public int $share, public int $port) {}
}

// A client is an address, or a network of 2^64 of them: that is what one customer gets of IPv6.
function client(string $address): string
{
    $bytes = (string) @inet_pton($address);
    return strlen($bytes) === 16 ? inet_ntop(substr($bytes, 0, 8) . str_repeat("\0", 8)) . '/64' : $address;
}

function inside(string $address, string $network): bool
{
    [$start, $length] = explode('/', $network) + [1 => null];
    $one = (string) @inet_pton($address);
    $other = (string) @inet_pton($start);
    if ($one === '' || strlen($one) !== strlen($other)) {
        return false;
    }
    $bits = fn (string $bytes): string => implode('', array_map(fn ($byte) => sprintf('%08b', ord($byte)), str_split($bytes)));
    return strncmp($bits($one), $bits($other), (int) ($length ?? 8 * strlen($one))) === 0;
}

function listen(int $port)
{
    $context = stream_context_create(['socket' => ['backlog' => 1024, 'ipv6_v6only' => false]]);
    for ($attempt = 0; $attempt < 100; $attempt++) { // another one may be about to end
        foreach (['[::]', '0.0.0.0'] as $every) {
            if ($socket = @stream_socket_server("tcp://$every:$port", $code, $text, context: $context)) {
                stream_set_blocking($socket, false);
                return $socket;
            }
        }
        usleep(100_000);
    }
    fwrite(STDERR, "webmail cannot listen on port $port: $text\n");
    exit(1);
}

// "[::ffff:192.0.2.7]:4711" -> 192.0.2.7 and 4711
function peer(string $name): array
{
    $colon = strrpos($name, ':');
    $address = trim(substr($name, 0, $colon), '[]');
    return [preg_replace('/^::ffff:(?=\d+\.)/i', '', $address), (int) substr($name, $colon + 1)];
}

function plain($socket)
{
    stream_set_blocking($socket, false);
    stream_set_read_buffer($socket, 0);
    stream_set_write_buffer($socket, 0);
    stream_set_chunk_size($socket, PIECE);
    return $socket;
}

// Sends what it takes; false when the other side has gone.
function send($socket, string &$bytes): bool
{
    $sent = @fwrite($socket, $bytes);
    $bytes = substr($bytes, (int) $sent);
    return $sent !== false;
}

$listeners = $connections = $active = $waiting = $ending = $told = [];
foreach (PORTS as $port => $apache) {
    $listeners[$port] = listen($port);
}

$close = function (int $id) use (&$connections, &$active, &$waiting, &$ending): void {
    $one = $connections[$id];
    @fclose($one->client);
    if ($one->apache) {
        @fclose($one->apache);
    }
    unset($connections[$id], $active[$one->who][$id], $waiting[$one->who][$id], $ending[$id]);
    $active = array_filter($active);
    $waiting = array_filter($waiting);
};

$accept = function (int $port, $listener) use (&$connections, &$waiting, &$ending, &$told, $close): void {
    for ($count = 0; $count < 64 && ($socket = @stream_socket_accept($listener, 0, $name)); $count++) {
        [$address, $from] = peer($name);
        [$to, $proxied] = PORTS[$port];
        $proxy = $to !== $proxied && array_filter(PROXIES, fn ($network) => inside($address, $network));
        $who = $proxy ? 'proxy' : client($address);
        if (count($waiting[$who] ?? []) >= ($proxy ? ALL : WAITING)) {
            fclose($socket);
            if (($told[$who] ?? 0) < time() - 60) {
                $told = array_filter($told, fn ($then) => $then > time() - 60);
                $told[$who] = time();
                fwrite(STDERR, "webmail: $who has more connections than are served or wait, and further ones are closed\n");
            }
            continue;
        }
        if (count($connections) >= ALL) { // who has had its answer goes first, then the last one of the greediest
            $counts = array_map('count', $waiting);
            $close(array_key_first($ending) ?? array_key_last($waiting[array_search(max($counts), $counts)]));
        }
        $one = new Connection(plain($socket), $who, $proxy ? WORKERS : SHARE, $proxy ? $proxied : $to);
        if (!$proxy) { // https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
            $kind = str_contains($address, ':') ? 'TCP6' : 'TCP4';
            $own = $kind === 'TCP6' ? '::1' : '127.0.0.1';
            $one->out = "PROXY $kind $address $own $from $port\r\n";
        }
        $connections[] = $one;
        $waiting[$who][array_key_last($connections)] = true;
    }
};

// Who has the fewest at Apache is next; of each client the one that came first.
$start = function () use (&$connections, &$active, &$waiting, $close): void {
    while ($waiting && array_sum(array_map('count', $active)) < WORKERS) {
        $counts = array_map(fn ($who) => count($active[$who] ?? []), array_combine(array_keys($waiting), array_keys($waiting)));
        asort($counts);
        foreach ($counts as $who => $count) {
            $id = array_key_first($waiting[$who]);
            $one = $connections[$id];
            if ($count < $one->share) {
                break;
            }
            $id = null;
        }
        if ($id === null) {
            return;
        }
        $flags = STREAM_CLIENT_CONNECT | STREAM_CLIENT_ASYNC_CONNECT;
        $from = stream_context_create($one->who === 'proxy' ? ['socket' => ['bindto' => PROXIED_FROM . ':0']] : []);
        $apache = @stream_socket_client("tcp://127.0.0.1:$one->port", $code, $text, 5, $flags, $from);
        if (!$apache) {
            $close($id);
            continue;
        }
        $one->apache = plain($apache);
        unset($waiting[$who][$id]);
        $waiting = array_filter($waiting);
        $active[$who][$id] = true;
    }
};

$failures = 0;
while (true) {
    $read = [];
    $write = [];
    $except = null;
    foreach ($listeners as $port => $socket) {
        $read["l$port"] = $socket;
    }
    foreach ($connections as $id => $one) {
        if ($one->until !== null) {
            $read["c$id"] = $one->client;
            continue;
        }
        if (!$one->ended && strlen($one->out) < ($one->apache ? PIECE : 16384)) {
            $read["c$id"] = $one->client;
        }
        if ($one->back !== '') {
            $write["c$id"] = $one->client;
        } elseif ($one->apache) {
            $read["a$id"] = $one->apache;
        }
        if ($one->apache && $one->out !== '') {
            $write["a$id"] = $one->apache;
        }
    }
    if (@stream_select($read, $write, $except, $ending ? 1 : null) === false) {
        if (++$failures > 100) {
            exit(1); // no signal, then: the next one begins with nothing
        }
        usleep(10_000);
        continue;
    }
    $failures = 0;
    foreach ($write as $key => $socket) {
        $id = (int) substr($key, 1);
        $one = $connections[$id] ?? null;
        if ($one && !($key[0] === 'a' ? send($socket, $one->out) : send($socket, $one->back))) {
            $close($id);
        }
    }
    foreach ($read as $key => $socket) {
        if ($key[0] === 'l') {
            $accept((int) substr($key, 1), $socket);
            continue;
        }
        $id = (int) substr($key, 1);
        $one = $connections[$id] ?? null;
        if (!$one || ($key[0] === 'a' && $socket !== $one->apache)) {
            continue;
        }
        $bytes = (string) @fread($socket, PIECE);
        $end = $bytes === '' && feof($socket);
        if ($one->until !== null || ($end && $key[0] === 'c' && !$one->apache)) {
            if ($end) { // it has read all, or gave up waiting
                $close($id);
            }
        } elseif ($key[0] === 'c') {
            $one->out .= $bytes;
            $one->ended = $end;
        } else {
            $one->back .= $bytes;
            if ($end) {
                fclose($one->apache);
                $one->apache = null;
                unset($active[$one->who][$id]);
                $active = array_filter($active);
                stream_socket_shutdown($one->client, STREAM_SHUT_WR);
                $one->until = microtime(true) + LINGER;
                $ending[$id] = true;
            }
        }
    }
    foreach ($connections as $id => $one) {
        if ($one->until !== null && microtime(true) > $one->until) {
            $close($id);
        } elseif ($one->ended && $one->out === '' && $one->apache && !$one->passed) {
            stream_socket_shutdown($one->apache, STREAM_SHUT_WR);
            $one->passed = true;
        }
    }
    $start();
}
