<?php
// Ends with 0 while visitors see the login form. It is made from a session, which is a row in the database.
$context = stream_context_create([
    'http' => ['timeout' => 8, 'ignore_errors' => true],
    // Over loopback; the certificate names the server, not this address.
    'ssl' => ['verify_peer' => false, 'verify_peer_name' => false],
]);
$page = @file_get_contents('https://127.0.0.1:{{ listen.webmail | first }}/', false, $context);
if ($page === false) {
    fwrite(STDERR, "webmail does not answer on port {{ listen.webmail | first }}\n");
    exit(1);
}
$status = http_get_last_response_headers()[0];
if (!str_contains($status, ' 200') || !str_contains($page, 'name="_user"')) {
    fwrite(STDERR, "webmail shows no login form: $status\n");
    exit(1);
}
