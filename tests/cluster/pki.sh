#!/usr/bin/env bash
# One authority, a certificate for each client and the service accounts' key, for two days. Usage: pki.sh FOLDER NODE_IP SERVICE_IP
set -euo pipefail
node="$2" service="$3"
cd "$1"
curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${curve[@]}" -days 2 -subj /CN=weir-e2e -keyout ca.key -out ca.crt 2>/dev/null
certificate() {
  openssl req "${curve[@]}" -subj "$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  {
    echo "extendedKeyUsage=serverAuth,clientAuth"
    [ -z "${3:-}" ] || echo "subjectAltName=$3"
  } >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out "$1.crt" -extfile "$1.ext" 2>/dev/null
}
names="DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
certificate apiserver /CN=kube-apiserver "$names,IP:127.0.0.1,IP:$node,IP:$service"
certificate admin /O=system:masters/CN=admin
certificate front-proxy /CN=front-proxy-client
openssl genrsa -out sa.key 2048 2>/dev/null
openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
cat >admin.conf <<END
apiVersion: v1
kind: Config
current-context: e2e
contexts: [{name: e2e, context: {cluster: e2e, user: admin}}]
clusters: [{name: e2e, cluster: {server: "https://$node:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: admin, user: {client-certificate-data: $(base64 -w0 admin.crt), client-key-data: $(base64 -w0 admin.key)}}]
END
