// One order by the acme-client package, which leaves the challenges to its caller: they go to dns01d
// by one of its HTTP doors.
//
//     node issue.js DIRECTORY ENDPOINT TOKEN-FILE httpreq|v1 FOLDER DOMAIN...
//
// leaves DOMAIN.crt and DOMAIN.key in FOLDER, named after the first domain.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const acme = require('acme-client');

const [directoryUrl, endpoint, tokenFile, door, folder, ...domains] = process.argv.slice(2);
const token = fs.readFileSync(tokenFile, 'utf8').trim();

async function call(method, target, body) {
    const reply = await fetch(endpoint + target, {
        method,
        headers: { 'Authorization': `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await reply.text();
    if (!reply.ok) {
        throw new Error(`${method} ${target}: ${reply.status} ${text}`);
    }
    return JSON.parse(text);
}

function owner(authz) {
    return `_acme-challenge.${authz.identifier.value}`;
}

const doors = {
    httpreq: {
        create: (authz, challenge, value) =>
            call('POST', '/present', { fqdn: `${owner(authz)}.`, value }),
        remove: (authz, challenge, value) =>
            call('POST', '/cleanup', { fqdn: `${owner(authz)}.`, value }),
    },
    v1: {
        create: (authz, challenge, value) =>
            call('POST', '/v1/challenges', { name: owner(authz), value }),
        remove: (authz, challenge, value) =>
            call('DELETE', `/v1/challenges?${new URLSearchParams({ name: owner(authz), value })}`),
    },
};

async function main() {
    const client = new acme.Client({
        directoryUrl, accountKey: await acme.crypto.createPrivateEcdsaKey() });
    const [key, csr] = await acme.crypto.createCsr(
        { altNames: domains }, await acme.crypto.createPrivateEcdsaKey());
    const certificate = await client.auto({
        csr,
        email: 'hostmaster@example.test',
        termsOfServiceAgreed: true,
        challengePriority: ['dns-01'],
        // Node's resolver knows port 53 only.
        skipChallengeVerification: true,
        challengeCreateFn: doors[door].create,
        challengeRemoveFn: doors[door].remove,
    });
    const base = path.join(folder, domains[0]);
    fs.writeFileSync(`${base}.crt`, certificate);
    fs.writeFileSync(`${base}.key`, key);
}

main().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
});
