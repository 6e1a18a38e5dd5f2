"""What people decide: profiles, waivers, baselines, VEX, attestations."""
