{% for database in databases %}
CREATE DATABASE IF NOT EXISTS {{ database }} CHARACTER SET {{ character_set }} COLLATE {{ collation }};
{% endfor %}
CREATE USER IF NOT EXISTS 'deploy'@'{{ gateway }}';
ALTER USER 'deploy'@'{{ gateway }}' IDENTIFIED BY '{{ deploy_password }}' REQUIRE SSL;
{% for database in databases %}
GRANT ALL ON {{ database }}.* TO 'deploy'@'{{ gateway }}' WITH GRANT OPTION;
{% endfor %}
GRANT CREATE USER ON *.* TO 'deploy'@'{{ gateway }}';
-- A refresh asks whether users and grants are still there; SHOW GRANTS for others wants this much.
GRANT SELECT ON mysql.* TO 'deploy'@'{{ gateway }}';
CREATE USER IF NOT EXISTS 'health'@'127.0.0.1';
ALTER USER 'health'@'127.0.0.1' IDENTIFIED BY '{{ health_password }}' REQUIRE SSL;
-- Nobody logs in as root: the image does, over the socket and before there is a network, to make a new server. After that
-- its password opens nothing.
SET @lock_root = IF(@@skip_networking, 'DO 0', 'ALTER USER IF EXISTS ''root''@''localhost'' ACCOUNT LOCK');
PREPARE lock_root FROM @lock_root;
EXECUTE lock_root;
