"""A small stack with one resource of each kind that the local providers have."""

import pulumi
import pulumi_docker as docker
import pulumi_mysql as mysql
import pulumi_random as random
import pulumi_tls as tls
from pulumi import ResourceOptions

config = pulumi.Config()
step = config.get("build") or "echo built"

group = pulumi.ComponentResource("prov:index:Group", "group")
key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P256", opts=ResourceOptions(parent=group))
authority = tls.SelfSignedCert(
    "authority",
    private_key_pem=key.private_key_pem,
    subject=tls.SelfSignedCertSubjectArgs(common_name="tests of the local providers"),
    validity_period_hours=1000,
    is_ca_certificate=True,
    allowed_uses=["cert_signing"],
)
request = tls.CertRequest("request", private_key_pem=key.private_key_pem, dns_names=["mail.example.test"])
certificate = tls.LocallySignedCert(
    "certificate",
    cert_request_pem=request.cert_request_pem,
    ca_private_key_pem=key.private_key_pem,
    ca_cert_pem=authority.cert_pem,
    validity_period_hours=900,
    early_renewal_hours=100,
    allowed_uses=["server_auth"],
)
password = random.RandomPassword("password", length=24, special=False)

network = docker.Network(
    "network",
    driver="bridge",
    ipam_configs=[docker.NetworkIpamConfigArgs(subnet="203.0.113.208/28", gateway="203.0.113.209")],
)
image = docker.RemoteImage(
    "image",
    name=f"prov-recorded:{len(step)}",
    keep_locally=True,
    build=docker.RemoteImageBuildArgs(
        context=config.require("context"), build_args={"BASE": config.require("base"), "STEP": step}
    ),
    triggers={"step": step},
)
data = docker.Volume("data", name="prov-rec-data", opts=ResourceOptions(retain_on_delete=True))
files = docker.Volume("files")
filler = docker.Container(
    "filler",
    image=image.image_id,
    command=["true"],
    start=False,
    must_run=False,
    network_mode="none",
    volumes=[docker.ContainerVolumeArgs(volume_name=files.name, container_path="/filled")],
    uploads=[
        docker.ContainerUploadArgs(
            file="/filled/plain", content=config.get("text") or "one", permissions="0444"
        ),
        docker.ContainerUploadArgs(file="/filled/sub/secret", content=password.result),
    ],
)
reader = docker.Container(
    "reader",
    image=image.image_id,
    command=["sleep", "1000"],
    hostname="reader",
    read_only=True,
    init=True,
    memory=config.get_int("memory") or 64,
    memory_swap=config.get_int("memory") or 64,
    networks_advanced=[
        docker.ContainerNetworksAdvancedArgs(
            name=network.name, aliases=["reader"], ipv4_address="203.0.113.210"
        )
    ],
    mounts=[
        docker.ContainerMountArgs(type="volume", source=files.name, target="/etc/read", read_only=True),
        docker.ContainerMountArgs(type="volume", source=data.name, target="/data"),
    ],
    capabilities=docker.ContainerCapabilitiesArgs(adds=["CAP_CHOWN"], drops=["ALL"]),
    security_opts=["no-new-privileges:true"],
    healthcheck=docker.ContainerHealthcheckArgs(
        tests=["CMD", "test", "-e", config.get("healthy") or "/etc/read/plain"], interval="1s", retries=1
    ),
    wait=True,
    wait_timeout=config.get_int("patience") or 60,
    opts=ResourceOptions(depends_on=[filler], replace_on_changes=["healthcheck"], delete_before_replace=True),
)

privileges = config.get_object("privileges") or ["SELECT", "INSERT"]
server = mysql.Provider(
    "server",
    endpoint=pulumi.Output.format(config.require("endpoint"), reader.hostname),
    username="root",
    password=config.require_secret("password"),
    tls="skip-verify",
)
database = mysql.Database(
    "database",
    name="prov",
    default_character_set="utf8mb4",
    default_collation="utf8mb4_0900_ai_ci",
    opts=ResourceOptions(provider=server, import_="prov", retain_on_delete=True),
)
user = mysql.User(
    "user",
    user="prov",
    host="%",
    plaintext_password=password.result,
    tls_option="SSL",
    opts=ResourceOptions(
        provider=server, depends_on=[database], replacement_trigger=privileges, delete_before_replace=True
    ),
)
mysql.Grant(
    "grant",
    user=user.user,
    host=user.host,
    database=database.name,
    privileges=privileges,
    opts=ResourceOptions(
        provider=server, replace_with=[user], retain_on_delete=True, delete_before_replace=True
    ),
)

pulumi.export("host", reader.hostname)
pulumi.export("password", password.result)
pulumi.export("certificate", certificate.cert_pem)
pulumi.export("authority", authority.cert_pem)
pulumi.export("key", key.private_key_pem)
