package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ImageShare is the object as far as this operator uses it.
type ImageShare struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              Spec   `json:"spec"`
	Status            Status `json:"status,omitempty"`
}

// Spec is what is wanted.
type Spec struct {
	Region         string         `json:"region,omitempty"`
	Organization   string         `json:"organization"`
	Repository     string         `json:"repository"`
	Account        string         `json:"account"`
	Deadline       string         `json:"deadline,omitempty"`
	CredentialsRef CredentialsRef `json:"credentialsRef"`
}

// CredentialsRef names a Secret and a key in it.
type CredentialsRef struct {
	Name string `json:"name"`
	Key  string `json:"key,omitempty"`
}

// Status is what is known.
type Status struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
	Share              *ShareStatus       `json:"share,omitempty"`
}

// ShareStatus is the share in the cloud.
type ShareStatus struct {
	Region       string `json:"region"`
	Organization string `json:"organization"`
	Repository   string `json:"repository"`
	Account      string `json:"account"`
	Permission   string `json:"permission"`
	Deadline     string `json:"deadline"`
	Valid        *bool  `json:"valid,omitempty"`
}

// ImageShareList is many of them.
type ImageShareList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ImageShare `json:"items"`
}

// DeepCopy is what controller-gen would write.
func (s *ImageShare) DeepCopy() *ImageShare {
	out := *s
	out.ObjectMeta = *s.ObjectMeta.DeepCopy()
	out.Status.Conditions = append([]metav1.Condition(nil), s.Status.Conditions...)
	if s.Status.Share != nil {
		share := *s.Status.Share
		out.Status.Share = &share
	}
	return &out
}

// DeepCopyObject likewise.
func (s *ImageShare) DeepCopyObject() runtime.Object { return s.DeepCopy() }

// DeepCopyObject likewise.
func (l *ImageShareList) DeepCopyObject() runtime.Object {
	out := *l
	out.Items = make([]ImageShare, len(l.Items))
	for i := range l.Items {
		out.Items[i] = *l.Items[i].DeepCopy()
	}
	return &out
}

func addToScheme(scheme *runtime.Scheme) error {
	version := schema.GroupVersion{Group: "imageshare.dev", Version: "v1alpha1"}
	scheme.AddKnownTypes(version, &ImageShare{}, &ImageShareList{})
	metav1.AddToGroupVersion(scheme, version)
	return nil
}
