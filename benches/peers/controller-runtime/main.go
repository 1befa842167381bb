// A minimal operator as one writes it with controller-runtime: finalizer, POST, status. The bench
// starts it; see benches/src/subjects.rs for what it finds in its environment.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

const finalizer = "imageshare.dev/share"

type reconciler struct {
	client.Client
	cloud string
	http  *http.Client
}

// Reconcile makes one object true. Its own writes lead to no further call: see the predicate.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var share ImageShare
	if err := r.Get(ctx, req.NamespacedName, &share); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	token, err := r.token(ctx, &share)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !share.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.revoke(ctx, &share, token)
	}
	before := share.DeepCopy()
	if controllerutil.AddFinalizer(&share, finalizer) {
		if err := r.Patch(ctx, &share, client.MergeFrom(before)); err != nil {
			return ctrl.Result{}, err
		}
	}
	terms := map[string]string{"access_domain": share.Spec.Account, "permit": "read", "deadline": share.Spec.Deadline}
	if err := r.call(ctx, token, http.MethodPost, &share, "", terms); err != nil {
		return ctrl.Result{}, err
	}
	before = share.DeepCopy()
	share.setShared()
	if err := r.Status().Patch(ctx, &share, client.MergeFrom(before)); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: 10 * time.Minute}, nil
}

func (r *reconciler) revoke(ctx context.Context, share *ImageShare, token string) error {
	before := share.DeepCopy()
	if !controllerutil.RemoveFinalizer(share, finalizer) {
		return nil
	}
	if err := r.call(ctx, token, http.MethodDelete, share, "/"+share.Spec.Account, nil); err != nil {
		return err
	}
	return client.IgnoreNotFound(r.Patch(ctx, share, client.MergeFrom(before)))
}

// token comes from the cache of Secrets, as is usual with this framework.
func (r *reconciler) token(ctx context.Context, share *ImageShare) (string, error) {
	var secret corev1.Secret
	from := share.Spec.CredentialsRef
	if err := r.Get(ctx, types.NamespacedName{Namespace: share.Namespace, Name: from.Name}, &secret); err != nil {
		return "", err
	}
	key := from.Key
	if key == "" {
		key = "token"
	}
	return string(secret.Data[key]), nil
}

// call is one call of the cloud. What is there already counts as created, what is not as deleted.
func (r *reconciler) call(ctx context.Context, token, method string, share *ImageShare, rest string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	url := fmt.Sprintf("%s/v2/manage/namespaces/%s/repositories/%s/access-domains%s",
		r.cloud, share.Spec.Organization, share.Spec.Repository, rest)
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("X-Auth-Token", token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := r.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	there := method == http.MethodPost && answer.StatusCode == http.StatusConflict
	gone := method == http.MethodDelete && answer.StatusCode == http.StatusBadRequest
	if answer.StatusCode >= 300 && !there && !gone {
		return fmt.Errorf("%s: %s", method, answer.Status)
	}
	return nil
}

func (s *ImageShare) setShared() {
	s.Status.ObservedGeneration = s.Generation
	for kind, status := range map[string]metav1.ConditionStatus{"Ready": metav1.ConditionTrue, "Error": metav1.ConditionFalse} {
		meta.SetStatusCondition(&s.Status.Conditions, metav1.Condition{
			Type: kind, Status: status, Reason: "Shared", ObservedGeneration: s.Generation,
			Message: "SWR holds the share as the spec declares it",
		})
	}
	valid := true
	s.Status.Share = &ShareStatus{
		Region: s.Spec.Region, Organization: s.Spec.Organization, Repository: s.Spec.Repository,
		Account: s.Spec.Account, Permission: "read", Deadline: s.Spec.Deadline, Valid: &valid,
	}
}

func run() error {
	ctrl.SetLogger(zap.New())
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return err
	}
	if err := addToScheme(scheme); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:   cache.Options{DefaultNamespaces: map[string]cache.Config{os.Getenv("BENCH_NAMESPACE"): {}}},
	})
	if err != nil {
		return err
	}
	// As many connections as workers: Go's default would close and open them all the time.
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	reconciler := &reconciler{manager.GetClient(), os.Getenv("BENCH_CLOUD"), &http.Client{Transport: transport, Timeout: 15 * time.Second}}
	err = ctrl.NewControllerManagedBy(manager).
		For(&ImageShare{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: 16}).
		Complete(reconciler)
	if err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
