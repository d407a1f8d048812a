<?php
// What webmail knows of a visitor. Dovecot is told before each login from which address the visitor comes, so that its log and its
// limits mean the visitor and not this container; Apache has judged who may say so in its place (tls.conf).
// https://doc.dovecot.org/2.4.1/core/admin/forwarding_parameters.html
// Who logged in before the sessions had another key is asked to log in, once, in place of an inbox that never opens.
// And who is not logged in leaves no row in the database, however often and from wherever they ask: the form's token, the one thing
// that a session is needed for until then, is made of the session's name.
class mailinfra_visitor extends rcube_plugin
{
    public function onload()
    {
        $this->add_hook('request_token', [$this, 'token']); // asked for before plugins begin
    }

    public function init()
    {
        $this->add_hook('storage_connect', [$this, 'tell']);
        $this->add_hook('session_destroy', [$this, 'forget']); // at a login, before it is tried, and at a logout
        $this->add_hook('login_after', [$this, 'remember']);
        $this->add_hook('startup', [$this, 'ask_again']);
        if (empty($_SESSION['user_id'])) {
            $this->forget();
        }
    }

    public function tell($connection)
    {
        $connection['preauth_ident'] = ['x-originating-ip' => $_SERVER['REMOTE_ADDR']];
        return $connection;
    }

    public function ask_again($arguments)
    {
        $webmail = rcmail::get_instance();
        if (!empty($_SESSION['user_id']) && (string) $webmail->decrypt($_SESSION['password'] ?? '') === '') {
            $webmail->kill_session(); // what follows says so, to scripts too
        }
        return $arguments;
    }

    // Another browser has another session's name, which no page and no other site can read: nobody else makes this token.
    public function token($token)
    {
        if (empty($_SESSION['user_id'])) {
            $token['value'] = hash_hmac('sha256', 'login form ' . session_id(), rcmail::get_instance()->config->get('des_key'));
        }
        return $token;
    }

    public function forget($given = [])
    {
        return $this->write(false, $given);
    }

    public function remember($given)
    {
        return $this->write(true, $given);
    }

    private function write($rows, $given)
    {
        $session = rcmail::get_instance()->session;
        if ($session) { // Roundcube's own scripts have none
            $session->nowrite = !$rows;
        }
        return $given;
    }
}
