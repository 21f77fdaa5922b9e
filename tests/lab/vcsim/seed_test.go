package main

import "testing"

func TestFillCountsTheMatches(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"web-{n:03}", 7, "web-007"},
		{"{n}-{n}", 12, "12-12"},
		{"db-01", 3, "db-01"},
		{"open {n", 3, "open {n"},
	} {
		if got := fill(c.text, c.n); got != c.want {
			t.Errorf("fill(%q, %d) = %q, want %q", c.text, c.n, got, c.want)
		}
	}
	if got := fillIP("10.20.1.254+", 3); got != "10.20.2.1" {
		t.Errorf("an address carries over: got %q", got)
	}
}

func TestASeedRefusesUnknownNames(t *testing.T) {
	var sd seed
	if err := strictJSON([]byte(`{"vms": [{"match": "*", "powr": "off"}]}`), &sd); err == nil {
		t.Error("a misspelt name was taken")
	}
	if err := strictJSON([]byte(`{"vms": [{"match": "*", "power": "off"}]}`), &sd); err != nil {
		t.Error(err)
	}
}
