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
