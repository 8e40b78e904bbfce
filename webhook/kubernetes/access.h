/*
 * Where the Kubernetes API is and how we prove ourselves to it: what a kubeconfig, or the files of a
 * pod, say. Files are read again from time to time.
 */
#ifndef D1_WEBHOOK_KUBERNETES_ACCESS_H
#define D1_WEBHOOK_KUBERNETES_ACCESS_H

/* Texts are owned; NULL where nothing is said. A file is used where its text is NULL. */
struct d1_kube_access {
    char *server; /* "https://10.96.0.1:443", without a final '/'. */
    char *proxy;  /* "http://proxy.example:3128" */
    char *ca;     /* PEM; NULL with NULL ca_file: the system's authorities. */
    char *ca_file;
    char *token;
    char *token_file;
    char *certificate; /* PEM. */
    char *certificate_file;
    char *key; /* PEM. */
    char *key_file;
    char *namespace; /* Ours, or NULL. */
};

/* Wipe and free the texts. */
void d1_kube_access_close(struct d1_kube_access *access);

#endif /* D1_WEBHOOK_KUBERNETES_ACCESS_H */
