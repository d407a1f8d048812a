<?php
// Tells Dovecot before each login from which address the visitor comes, so that its log and its limits mean the visitor
// and not this container. Apache has judged who may say so in its place (tls.conf).
// https://doc.dovecot.org/2.4.1/core/admin/forwarding_parameters.html
class mailinfra_visitor extends rcube_plugin
{
    public function init()
    {
        $this->add_hook('storage_connect', [$this, 'tell']);
    }

    public function tell($connection)
    {
        $connection['preauth_ident'] = ['x-originating-ip' => $_SERVER['REMOTE_ADDR']];
        return $connection;
    }
}
