"""What only Ray can show. The cluster that these tests share lives as long as they run, and no longer."""
